"""The arguments of `just schemas`.

just schemas clips
"""

import argparse
from collections.abc import Sequence

from schemas.command import make_parser

_EPILOG = """examples:
  just schemas          all tables
  just schemas clips    one of them"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    argument_parser = make_parser(
        "schemas", "Print every table with its columns, their types, units and ranges.", _EPILOG
    )
    argument_parser.add_argument("tables", nargs="*", metavar="TABLE", help="which tables (default: all)")
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return parser().parse_args(arguments)
