"""What every command shares: errors end with one line and exit code 2; configuration arguments; tables that fit."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from schemas.config import RunConfig
from schemas.errors import CutroomError, VerifyError
from schemas.load import load_config
from schemas.profiles import PROFILES


def run_command(command: Callable[[], int | None] | Callable[[], None]) -> None:
    """Run a command and leave with its exit code; an error that cutroom raises becomes one line."""
    try:
        code = command() or 0
    except VerifyError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 1
    except CutroomError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on from here", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        code = 0
    sys.stdout.flush()
    sys.exit(code)


def make_parser(name: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    """A parser that keeps the line breaks of its examples."""
    return argparse.ArgumentParser(
        prog=f"just {name}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """`--profile`, `--config` and `--set`."""
    parser.add_argument("--profile", choices=sorted(PROFILES), help="defaults to start from (default: embedded)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file with settings that differ")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help="change one setting; may be repeated"
    )


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
