"""`just doctor <dataset>`: checks whether a recipe can train on a dataset; exit code 1 if not.

just doctor datasets/demo --recipe demo
"""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.commands.arguments.doctor import parse
from training.config import TrainConfig
from training.data.index import SampleIndex
from training.doctor.ahead import missing
from training.doctor.findings import LEVELS, Finding, error
from training.doctor.run import Resources, run_doctor
from training.encoders.registry import open_codec, open_text
from training.families.registry import open_family

_COLORS = {"error": "bold red", "warning": "yellow", "fact": "dim"}


def main(arguments: list[str]) -> int:
    """Entry point."""
    return run(parse(arguments))


def run(options: argparse.Namespace) -> int:
    """Run all checks, print the findings, and return 1 if one is an error."""
    config, dataset = options.settings, options.dataset
    findings = examine(config, dataset, options.processes)
    show(findings, f"{config.recipe} on {dataset}")
    return int(any(finding.level == "error" for finding in findings))


def examine(config: TrainConfig, dataset: str, processes: int = 1) -> list[Finding]:
    """Run all checks; what the configuration names and is missing is reported before anything is opened."""
    if lines := missing(config):
        return [error("settings", line) for line in lines]
    family = open_family(config).family
    codec = open_codec(config.encoders)
    text = open_text(config.encoders, family.sizes.text_length)
    train, validation = (SampleIndex.open(dataset, split) for split in ("train", "val"))
    return run_doctor(config, train, validation, codec, text, family, Resources.here(".", processes))


def show(findings: Sequence[Finding], title: str) -> None:
    """Print the findings as a table on stdout, errors last, where they are seen first."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for heading in ("", "about", "finding"):
        table.add_column(heading, overflow="fold")
    for level in reversed(LEVELS):
        for finding in findings:
            if finding.level == level:
                table.add_row(f"[{_COLORS[level]}]{level}[/]", escape(finding.about), escape(finding.text))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    console.print(table)
    counts = {level: sum(finding.level == level for finding in findings) for level in LEVELS}
    console.print(f"{counts['error']} errors, {counts['warning']} warnings")
