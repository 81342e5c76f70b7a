"""What every command shares: errors end with one line and an exit code; a parser; where its settings come from.

just --list
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from schemas.errors import CutroomError, VerifyError


def run_command(command: Callable[[], int | None] | Callable[[], None]) -> None:
    """Run a command and leave with its exit code; an error that cutroom raises becomes one line."""
    try:
        code = command() or 0
    except VerifyError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 1
    except CutroomError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on from here", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        code = 0
    sys.stdout.flush()
    sys.exit(code)


def make_parser(name: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    """A parser that keeps the line breaks of its examples."""
    return argparse.ArgumentParser(
        prog=f"just {name}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_change_arguments(parser: argparse.ArgumentParser) -> None:
    """`--config` and `--set`."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file with settings that differ")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help="change one setting; may be repeated"
    )
