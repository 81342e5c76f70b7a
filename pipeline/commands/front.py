"""What the commands of curation share: the arguments of its configuration, and tables that fit."""

import argparse
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from schemas.command import add_change_arguments
from schemas.config import RunConfig
from schemas.load import load_config
from schemas.profiles import PROFILES


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """`--profile`, `--config` and `--set`."""
    parser.add_argument("--profile", choices=sorted(PROFILES), help="defaults to start from (default: embedded)")
    add_change_arguments(parser)


def config_of(arguments: argparse.Namespace) -> RunConfig:
    """The configuration that the arguments ask for."""
    return load_config(arguments.config, arguments.set, arguments.profile)


def print_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table on stdout; the first column is left, numbers are right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    listed = [tuple(row) for row in rows]
    for place, heading in enumerate(headings):
        numeric = bool(listed) and all(isinstance(row[place], int | float) for row in listed)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*(str(value) for value in row))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print()
