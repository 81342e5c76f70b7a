"""docs/errors.md: every error that is raised on purpose, when, how the command ends, and what to do.

Kinds, occasions and advice are the docstrings of `schemas.errors`; exit codes are what `schemas.command` returns when
the error is raised to it.

    just pages
"""

import contextlib
import inspect
import io
from collections.abc import Iterator

from schemas import command, errors
from schemas.errors import CutroomError

FILE = "docs/errors.md"
_HEAD = """# Errors

Every command ends with one of these exit codes. If something goes wrong, the last line on stderr says so:
`error: <the value>, <the rule>, <the fix>`.

| code | the command |
|---|---|
"""
_CODES = {
    0: "succeeded",
    1: "found a problem in what it checked (`just verify`, a `--gate` of `just report`, `just doctor`), or shipped no"
    " sample (`just curate`)",
    2: "failed with an error: one of the table below, one of the operating system, or a bug (with its traceback)",
    130: "was stopped by Ctrl-C (SIGINT); the same command continues from there",
    143: "was stopped by SIGTERM, which batch systems and containers send; the same command continues from there",
}
_KINDS = """
## Kinds

All are subclasses of `CutroomError`, so a program that uses the package can catch them with one clause. Each is also a
subclass of a built-in error of Python.

| kind | also a | cause | code | what to do |
|---|---|---|---|---|
"""
_TAIL = """
An error in one row (a video that cannot be decoded, a caption that fails its checks) does not end the run: it is
recorded in the row's `status`, `error` and `attempts`, and the ledger counts it.

    ./just ledger <dataset> --state failed        # which, at which stage, and why
    ./just retry <dataset>                        # try them again

An error with a traceback is a bug: report it with the lines above it.
"""


def kinds() -> Iterator[type[CutroomError]]:
    """The kinds in the order of their file."""
    for _, kind in sorted(
        inspect.getmembers(errors, inspect.isclass), key=lambda member: inspect.getsourcelines(member[1])[1]
    ):
        if issubclass(kind, CutroomError) and kind is not CutroomError:
            yield kind


def parts(kind: type[CutroomError]) -> tuple[str, str]:
    """When it is raised, and what to do: the two paragraphs of its docstring."""
    occasion, _, advice = (inspect.getdoc(kind) or "").partition("\n\n")
    advice = " ".join(advice.split()).removeprefix("To do: ")
    return " ".join(occasion.split()), advice[:1].upper() + advice[1:]


def exit_code(kind: type[CutroomError]) -> int:
    """How a command ends that raises it."""

    def fail() -> None:
        raise kind("")

    with contextlib.redirect_stderr(io.StringIO()):
        return command.exit_code_of(fail)


def write() -> str:
    """The page."""
    codes = "".join(f"| {code} | {text} |\n" for code, text in _CODES.items())
    rows = ""
    for kind in kinds():
        occasion, advice = parts(kind)
        plain = next(base.__name__ for base in kind.__mro__ if base.__module__ == "builtins" and base is not Exception)
        rows += f"| `{kind.__name__}` | `{plain}` | {occasion} | {exit_code(kind)} | {advice} |\n"
    return _HEAD + codes + _KINDS + rows + _TAIL
