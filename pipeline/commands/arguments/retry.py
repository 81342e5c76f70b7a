"""The arguments of `just retry`.

just retry datasets/demo
"""

import argparse
from collections.abc import Sequence

from pipeline.commands.arguments.curate import add_confirmations
from pipeline.storage.named import find_dataset
from schemas.command import make_parser

_EPILOG = """examples:
  just retry datasets/demo
  just retry datasets/demo --bucket s3://user:password@host/raw    where the address holds a password"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    made = make_parser("retry", "Try again every row that failed, in every stage; all else is kept.", _EPILOG)
    made.add_argument("dataset", type=find_dataset, help="dataset folder")
    made.add_argument("--bucket", help="the bucket's address, if it holds a password: the dataset keeps none")
    add_confirmations(made)
    return made


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `DatasetError` for a dataset that is not there."""
    return parser().parse_args(arguments)
