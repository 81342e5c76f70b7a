"""The arguments of `just compact`.

just compact datasets/demo
"""

import argparse
from collections.abc import Sequence

from pipeline.storage.named import find_dataset
from schemas.command import make_parser

_EPILOG = """examples:
  just compact datasets/demo
  just compact s3://bucket/set

Runs only add shards, so a dataset that grew has many that are not full. Nothing is decoded or encoded, and training
goes on in the same order. Encoded media of samples that left the shards is removed."""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    argument_parser = make_parser(
        "compact", "Pack all samples of a dataset into full shards again, shuffled over all sources.", _EPILOG
    )
    argument_parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `DatasetError` for a dataset that is not there."""
    return parser().parse_args(arguments)
