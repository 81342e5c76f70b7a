"""The arguments of `just report`.

just report datasets/demo --gate "empty <= 0"
"""

import argparse
from collections.abc import Sequence

from pipeline.storage.named import find_dataset
from schemas.command import make_parser

_EPILOG = """examples:
  just report datasets/demo                          the page, the JSON, and a table here
  just report datasets/new --against datasets/old    what changed
  just report datasets/demo --gate "empty <= 0"      exit code 1 if any caption is empty

The page is one file that needs no network: <dataset>/report/index.html; `just view <dataset>` shows more of it."""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    argument_parser = make_parser("report", "Measure the captions of a dataset and write a report.", _EPILOG)
    argument_parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    argument_parser.add_argument(
        "--against", type=find_dataset, metavar="DATASET", help="compare with the captions of this dataset"
    )
    argument_parser.add_argument(
        "--gate", action="append", default=[], metavar="RULE", help='such as "empty <= 0"; repeatable'
    )
    argument_parser.add_argument(
        "--samples", type=int, default=20_000, metavar="N", help="measure at most so many (default: 20,000; 0: all)"
    )
    argument_parser.add_argument("--json-only", action="store_true", help="write no page")
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `DatasetError` for a dataset that is not there."""
    return parser().parse_args(arguments)
