"""The arguments of `just verify`.

just verify datasets/demo
"""

import argparse
from collections.abc import Sequence

from pipeline.storage.named import find_dataset
from schemas.command import make_parser

_EPILOG = """examples:
  just verify datasets/demo
  just verify s3://bucket/set      exit code 1 if anything is not as the index says"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    argument_parser = make_parser(
        "verify", "Re-open every shard with the plain webdataset library and check it against the index.", _EPILOG
    )
    argument_parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `DatasetError` for a dataset that is not there."""
    return parser().parse_args(arguments)
