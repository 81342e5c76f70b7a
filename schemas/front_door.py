"""The front door: the command `cutroom <name>`, to which `just <name>` hands over.

    cutroom curate demo
    cutroom --help

What may be typed is read by a light module, so that help and the refusal of a typo come at once; the module that does
the work, with its libraries, is imported after that.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from schemas.commands import COMMANDS, DOOR, as_typed, door
from schemas.version import VERSION

_EPILOG = """commands:
{}

just <command> --help has examples of each."""


def main() -> None:
    """Entry point of the command: every error is one line and an exit code."""
    from schemas.command import run_command

    os.environ.setdefault(DOOR, "cutroom")
    run_command(lambda: dispatch(sys.argv[1:]))


def dispatch(words: Sequence[str]) -> int | None:
    """Run the command whose name comes first; returns its exit code. Raises `InputError` for one that is not there."""
    made = parser()
    named = made.parse_args(words[:1]).command
    if named is None:
        made.print_help()
        return 0
    if named not in COMMANDS:
        from schemas.errors import InputError
        from schemas.nearest import did_you_mean

        raise InputError(f"no command {named!r}; {did_you_mean(named, COMMANDS)}")
    parsed = importlib.import_module(COMMANDS[named].arguments).parse(words[1:])
    code: int | None = importlib.import_module(COMMANDS[named].work).run(parsed)
    return code


def parser() -> argparse.ArgumentParser:
    """What may be typed before a command's own arguments."""
    listed = "\n".join(f"  {name:12} {command.summary}" for name, command in COMMANDS.items())
    made = argparse.ArgumentParser(
        prog=door(),
        description="Turn a bucket of raw video into captioned WebDataset shards, and train video models on them.",
        epilog=as_typed(_EPILOG).format(listed),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"cutroom {VERSION}")
    made.add_argument("command", nargs="?", help="one of those below; what follows it is its own")
    return made
