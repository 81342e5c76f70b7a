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
    argument_parser = make_parser("retry", "Retry every failed row, in every stage; everything else is kept.", _EPILOG)
    argument_parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    argument_parser.add_argument("--bucket", help="the bucket's address, if it has a password: the dataset stores none")
    add_confirmations(argument_parser)
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `DatasetError` for a dataset that is not there."""
    return parser().parse_args(arguments)
