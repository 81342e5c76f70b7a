"""`just doctor <dataset>`: whether a recipe can train on a dataset, before anything is trained; exit code 1 if not.

just doctor datasets/demo --recipe demo
"""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.command import make_parser, run_command
from training.commands.front import add_recipe_arguments, dataset_of, recipe_of
from training.config import TrainConfig
from training.data.index import SampleIndex
from training.doctor.ahead import missing
from training.doctor.findings import LEVELS, Finding, error
from training.doctor.run import Resources, run_doctor
from training.encoders.registry import open_codec, open_text
from training.families.registry import open_family

_COLORS = {"error": "bold red", "warning": "yellow", "fact": "dim"}
_EPILOG = """examples:
  just doctor demo
  just doctor datasets/mine --recipe cogvideox-2b --processes 8 --set encoders.codec_weights=models/CogVideoX-2b/vae

`just train` looks at the same before its first step."""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser("doctor", "Look at everything that a training run needs, and say what is wrong.", _EPILOG)
    parser.add_argument("dataset", help="dataset folder or s3://..., or `demo` (datasets/demo)")
    parser.add_argument("--processes", type=int, default=1, help="how many processes will train")
    add_recipe_arguments(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Examine, print, and return 1 if there is an error."""
    options = parse(arguments)
    dataset = dataset_of(options.dataset)
    config = recipe_of(options)
    findings = examine(config, dataset, options.processes)
    show(findings, f"{config.recipe} on {dataset}")
    return int(any(finding.level == "error" for finding in findings))


def examine(config: TrainConfig, dataset: str, processes: int = 1) -> list[Finding]:
    """Open what the configuration names and run all checks; what is not there is said before anything is opened."""
    if lines := missing(config):
        return [error("settings", line) for line in lines]
    family = open_family(config).family
    codec = open_codec(config.encoders)
    text = open_text(config.encoders, family.sizes.text_length)
    train, validation = (SampleIndex.open(dataset, split) for split in ("train", "val"))
    return run_doctor(config, train, validation, codec, text, family, Resources.here(".", processes))


def show(findings: Sequence[Finding], title: str) -> None:
    """A table on stdout, errors last, where the eye is."""
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


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
