"""The arguments of `just ledger`.

just ledger datasets/demo --state failed
"""

import argparse
from collections.abc import Sequence

from pipeline.storage.named import find_dataset
from schemas.command import make_parser
from schemas.states import KINDS, STATES

_EPILOG = """examples:
  just ledger datasets/demo                   the funnel, and the reasons
  just ledger datasets/demo --state failed    every row that failed, and why
  just ledger datasets/demo --kind span       every span of video that is lost, and why"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    argument_parser = make_parser("ledger", "Show in which state every video, clip and sample ended, and why.", _EPILOG)
    argument_parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    argument_parser.add_argument("--state", choices=STATES, help="list the rows in this state")
    argument_parser.add_argument("--kind", choices=KINDS, help="list or count this kind only")
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises `DatasetError` for a dataset that is not there."""
    return parser().parse_args(arguments)
