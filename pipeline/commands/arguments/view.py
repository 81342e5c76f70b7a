"""The arguments of `just view`.

just view datasets/demo
"""

import argparse
from collections.abc import Sequence

from pipeline.storage.named import find_dataset
from schemas.command import make_parser

_EPILOG = """examples:
  just view datasets/demo                        opens the browser
  just view datasets/demo --no-browser --port 8000    prints the address, for a tunnel to this machine"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    argument_parser = make_parser(
        "view", "Open a dataset's caption report; stills and samples are served to this machine only.", _EPILOG
    )
    argument_parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    argument_parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="port to listen on (default: a free one)"
    )
    argument_parser.add_argument("--no-browser", action="store_true", help="only print the address")
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `DatasetError` for a dataset that is not there."""
    return parser().parse_args(arguments)
