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

Every command ends with one of these exit codes. Whatever went wrong is one line on stderr, the last one:
`error: <the value>, <the rule>, <the fix>`.

| code | the command |
|---|---|
"""
_CODES = {
    0: "did what it was asked",
    1: "found that what it checked does not hold (`just verify`, a failed `--gate` of `just report`, `just doctor`), or"
    " shipped no sample (`just curate`)",
    2: "met an error: of the table below, of the operating system, or one that should not happen (with its traceback)",
    130: "was stopped by Ctrl-C (SIGINT); the same command goes on from there",
    143: "was stopped by SIGTERM, which batch systems and containers send; the same command goes on from there",
}
_KINDS = """
## Kinds

All of them are a `CutroomError`, so that a program that calls our code can catch what is meant for people in one place;
each is a plain error of Python as well.

| kind | also a | raised when | code | what to do |
|---|---|---|---|---|
"""
_TAIL = """
An error in one row (a video that cannot be decoded, a caption that never fitted) ends nothing: it stands in the row's
`status`, `error` and `attempts`, and the ledger counts it.

    ./just ledger <dataset> --state failed        # which, at which stage, and why
    ./just retry <dataset>                        # try them again

An error that says that it should not happen is a defect: report it with the lines above it.
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
