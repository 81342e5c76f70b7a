"""What all commands share: the exit codes and one-line errors, the parser, and the options of the configuration.

run_command(main)      # the last line of a command's module
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
    """Raised on SIGTERM, which batch systems, containers and `kill` send; it ends a command as Ctrl-C does."""


def run_command(command: Command) -> NoReturn:
    """Run a command and exit with its code; an error is printed as one line, the last on stderr.

    0: done. 1: a check failed. 2: an error. 130, 143: stopped by SIGINT, SIGTERM.
    """
    signal.signal(signal.SIGTERM, _terminate)
    _leave(exit_code_of(command))


def exit_code_of(command: Command) -> int:
    """Run a command, print its error if there is one, and return its exit code."""
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
        return 0  # the reader of our output has closed the pipe
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else _failed(str(leave.code)) if leave.code else 0
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
    signal.signal(number, signal.SIG_DFL)  # a forked child gets the signal's default action
    os.kill(os.getpid(), number)


def _leave(code: int) -> NoReturn:
    """Exit with this code: exit handlers run, but the interpreter is not shut down.

    Native threads (Arrow's Parquet readers) release Python objects when they finish. During interpreter shutdown Python
    ends such a thread inside a C++ destructor, which aborts the process with exit code 134.
    """
    try:
        exits: Any = atexit
        exits._run_exitfuncs()
        with contextlib.suppress(OSError, ValueError):  # a broken pipe, or a closed stream
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
    """Add the options `--config` and `--set`."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file with settings that differ")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help="change one setting; may be repeated"
    )
