"""The arguments of `just verify`.

just verify datasets/demo
"""

import argparse
from collections.abc import Sequence

from pipeline.storage.named import find_dataset
from schemas.command import make_parser

_EPILOG = """examples:
  just verify datasets/demo
  just verify datasets/large --share 0.01   one shard of a hundred, the same each time
  just verify s3://bucket/set      exit code 1 if anything is not as the index says"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    argument_parser = make_parser(
        "verify", "Re-open every shard with the plain webdataset library and check it against the index.", _EPILOG
    )
    argument_parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    argument_parser.add_argument(
        "--share", type=_share, default=1.0, metavar="SHARE", help="open only this share of the shards, such as 0.01"
    )
    return argument_parser


def _share(text: str) -> float:
    """A number above 0, up to 1."""
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a share is a number above 0, up to 1")
    return share


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `DatasetError` for a dataset that is not there."""
    return parser().parse_args(arguments)
