"""The arguments of `just explain`.

just explain datasets/demo 3f2a
"""

import argparse
from collections.abc import Sequence

from pipeline.storage.named import find_dataset
from schemas.command import make_parser

_EPILOG = """examples:
  just explain datasets/demo 3f2a            the clip whose id begins so: source, measures, selection, captions
  just explain datasets/demo harbour.mp4     a film: its clips and every span that is lost, with the reason"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    made = make_parser(
        "explain", "Print everything the dataset knows of one clip, or where the seconds of one film went.", _EPILOG
    )
    made.add_argument("dataset", type=find_dataset, help="dataset folder")
    made.add_argument(
        "clip",
        help="clip id, or the beginning of one; the id of a sample or still names its clip; or the key or id of a film",
    )
    return made


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `DatasetError` for a dataset that is not there."""
    return parser().parse_args(arguments)
