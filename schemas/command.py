"""What every command shares: errors end with one line and an exit code; a parser; where its settings come from.

just --list
"""

import argparse
import atexit
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from schemas.commands import as_typed, door
from schemas.errors import CutroomError, VerifyError

Command = Callable[[], int | None] | Callable[[], None]
_STOPPED = "stopped; run the same command again to go on from here"


class Terminated(KeyboardInterrupt):
    """SIGTERM: what a batch system, a container or `kill` sends. It ends a command as Ctrl-C does."""


def run_command(command: Command) -> NoReturn:
    """Run a command and leave with its exit code; every error becomes one line, the last on stderr.

    0: done. 1: what was checked does not hold. 2: an error. 130, 143: stopped by SIGINT, SIGTERM.
    """
    signal.signal(signal.SIGTERM, _terminate)
    _leave(exit_code_of(command))


def exit_code_of(command: Command) -> int:
    """Run a command, print the line of its error, and return its exit code."""
    try:
        code = command() or 0
        sys.stdout.flush()
    except VerifyError as error:
        return _failed(str(error), 1)
    except CutroomError as error:
        return _failed(str(error))
    except Terminated:
        print(_STOPPED, file=sys.stderr)
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        print(_STOPPED, file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        return 0  # whoever read our output has read enough
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else _failed(str(left.code)) if left.code else 0
    except OSError as error:
        return _failed(f"{type(error).__name__}: {' '.join(str(error).split())}")
    except Exception as error:
        traceback.print_exc()
        words = " ".join(str(error).split())[:300]
        return _failed(f"{type(error).__name__}: {words}; this should not happen: report the lines above")
    return code


def _failed(message: str, code: int = 2) -> int:
    print(as_typed(f"error: {message}"), file=sys.stderr)
    return code


def _terminate(number: int, frame: FrameType | None, owner: int = os.getpid()) -> None:
    if os.getpid() == owner:
        raise Terminated
    signal.signal(number, signal.SIG_DFL)  # a process that was forked off ends as if we had never been
    os.kill(os.getpid(), number)


def _leave(code: int) -> NoReturn:
    """End the process with this code: what is registered to run at the end runs, the interpreter is not taken down.

    Native threads (Arrow's read Parquet) give back Python objects when they are done. While the interpreter is taken
    down Python ends such a thread inside a C++ destructor, which aborts the process: exit code 134 in place of ours.
    """
    try:
        exits: Any = atexit
        exits._run_exitfuncs()
        with contextlib.suppress(OSError, ValueError):  # a stream that nobody reads, or that is closed
            sys.stdout.flush()
            sys.stderr.flush()
    finally:
        os._exit(code)


def make_parser(name: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    """A parser that keeps the line breaks of its examples."""
    return argparse.ArgumentParser(
        prog=f"{door()} {name}",
        description=as_typed(description),
        epilog=as_typed(epilog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_change_arguments(parser: argparse.ArgumentParser) -> None:
    """`--config` and `--set`."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file with settings that differ")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help="change one setting; may be repeated"
    )
