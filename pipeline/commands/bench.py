"""`just bench <name> [arguments]`: run one benchmark; `--record` also writes its table to docs/benchmarks.md.

just bench                  lists the benchmarks
just bench split --help
"""

import argparse
import importlib
import sys

from pipeline.commands.arguments.bench import parse
from schemas.command import run_command
from schemas.commands import door

# These import `training`, which only commands may do.
_OF_TRAINING = ("train", "latte", "tune")


def main() -> int | None:
    """Entry point."""
    return run(parse())


def run(parsed: argparse.Namespace) -> int | None:
    """Hand over to the module of the benchmark's name, which reads the rest of the command line."""
    sys.argv = [f"{door()} bench {parsed.name}", *parsed.rest]
    room = "pipeline.commands.bench_" if parsed.name in _OF_TRAINING else "pipeline.benchmarks."
    code: int | None = importlib.import_module(room + parsed.name).main()
    return code


if __name__ == "__main__":
    run_command(main)
