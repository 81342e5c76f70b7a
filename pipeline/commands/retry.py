"""`just retry <dataset>`: retry what failed in the last run, with the same bucket and configuration.

just retry datasets/demo
"""

import argparse

from pipeline.commands.arguments.retry import parse
from pipeline.commands.curate import curate
from pipeline.dataset.folder import Dataset
from pipeline.readers.history import History
from schemas.command import run_command


def main() -> int:
    """Entry point."""
    return run(parse())


def run(parsed: argparse.Namespace) -> int:
    """Run the last curation again, with what failed; returns the exit code."""
    history = History(Dataset(parsed.dataset))
    bucket = parsed.bucket or history.record["bucket"]
    return curate(bucket, parsed.dataset, history.config, retry=True, confirmed=parsed.confirmed)


if __name__ == "__main__":
    run_command(main)
