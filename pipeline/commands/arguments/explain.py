"""The arguments of `just explain`.

just explain datasets/demo 3f2a
"""

import argparse
from collections.abc import Sequence

from pipeline.storage.named import find_dataset
from schemas.command import make_parser

_EPILOG = """examples:
  just explain datasets/demo 3f2a            the clip whose id begins so: source, measures, selection, captions
  just explain datasets/demo harbour.mp4     a video: its clips and every span that is lost, with the reason"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    argument_parser = make_parser(
        "explain", "Print everything the dataset knows of one clip, or where the seconds of one video went.", _EPILOG
    )
    argument_parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    argument_parser.add_argument(
        "clip",
        help="clip id or a prefix of one; the id of a sample or still of the clip; or the key or id of a video",
    )
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `DatasetError` for a dataset that is not there."""
    return parser().parse_args(arguments)
