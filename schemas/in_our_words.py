"""Plain messages for invalid settings, in place of the messages of the library that checks them.

    in_our_words("less_than_equal", {"le": 51}, "Input should be ...", 99)     # must be at most 51

`RunConfig` and `TrainConfig` are checked by pydantic, whose messages name its own types. `what_is_wrong` lists all
errors of a check as (path, sentence).
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from schemas.nearest import closest

_BOUNDS = {
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "greater_than": ("gt", "must be more than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "multiple_of": ("multiple_of", "must be a multiple of {}"),
    "too_short": ("min_length", "must hold at least {}"),
    "too_long": ("max_length", "must hold at most {}"),
    "string_too_short": ("min_length", "must have at least {} characters"),
    "string_too_long": ("max_length", "must have at most {} characters"),
}
# By prefix of pydantic's error type.
_KINDS = {
    "missing": "is not given, and has no default; give it",
    "int_": "must be a whole number",
    "float_": "must be a number",
    "finite_": "must be a finite number",
    "bool_": "must be true or false",
    "string_": "must be text; put quotes around what looks like something else",
    "list_": "must be a list, such as [first, second]",
    "tuple_": "must be a list, such as [first, second]",
    "dict_": "must be names with values, such as {name: value}",
    "extra_": "is not known",
    "model_": "is a section; set one of the settings in it",
    "path_": "must be a path",
}


def in_our_words(kind: str, context: Mapping[str, Any], message: str, value: object) -> str:
    """The message after `setting = value: ` for a pydantic error of type `kind` with its context and message."""
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return words.format(_number(context[key]))
    if kind in ("literal_error", "enum"):
        return _choices(str(context["expected"]), value)
    if kind in ("value_error", "assertion_error"):
        return message.partition(", ")[2]
    for beginning, words in _KINDS.items():
        if kind.startswith(beginning):
            return words
    return message.replace("Input should be", "must be").replace("Input should", "must")


def what_is_wrong(error: ValidationError) -> list[tuple[tuple[int | str, ...], str, object, str]]:
    """(path, error type, value, message) of every error of a validation."""
    return [
        (
            detail["loc"],
            detail["type"],
            detail["input"],
            in_our_words(detail["type"], detail.get("ctx", {}), detail["msg"], detail["input"]),
        )
        for detail in error.errors()
    ]


def _number(bound: object) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _choices(expected: str, value: object) -> str:
    """The allowed values as pydantic lists them (`'a', 'b' or 'c'`), and the nearest one."""
    known = [choice.strip("'") for choice in expected.replace(" or ", ", ").split(", ")]
    near = closest(str(value), known)
    return f"must be {expected}" + (f"; did you mean {near!r}?" if near else "")
