"""Writes a configuration as YAML with a comment above every setting: its meaning and its range.

just curate <bucket> --show-config > run.yaml
just train <dataset> --recipe cogvideox-2b --show-config
"""

import textwrap
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_WIDTH = 110
_BOUNDS = (("ge", ">= {}"), ("gt", "> {}"), ("le", "<= {}"), ("lt", "< {}"))


def describe_config(config: BaseModel) -> str:
    """The configuration as commented YAML; loading it gives the same values."""
    return "\n".join(_section(config, 0, set())) + "\n"


def _section(section: BaseModel, depth: int, seen: set[type[BaseModel]]) -> Iterator[str]:
    """The lines of a section; only the first section of a type is commented."""
    kind, margin = type(section), "  " * depth
    silent = kind in seen
    seen.add(kind)
    for name, field in kind.model_fields.items():
        value = getattr(section, name)
        if not silent:
            yield from _comment(field, value, margin)
        if isinstance(value, BaseModel):
            yield f"{margin}{name}:"
            yield from _section(value, depth + 1, seen)
        elif isinstance(value, list) and value and isinstance(value[0], BaseModel):
            yield f"{margin}{name}:"
            for inner in value:
                first, *others = _section(inner, depth + 1, seen)
                yield from _item(first, others, margin)
        else:
            text = yaml.safe_dump({name: section.model_dump(include={name})[name]}, sort_keys=False, width=_WIDTH)
            yield from textwrap.indent(text.rstrip("\n"), margin).split("\n")


def _item(first: str, others: list[str], margin: str) -> Iterator[str]:
    """The lines of a section as a list item: comments first, then the first setting after the dash."""
    lines = [first, *others]
    start = next(index for index, line in enumerate(lines) if not line.lstrip().startswith("#"))
    yield from lines[:start]
    yield f"{margin}- {lines[start].lstrip()}"
    yield from lines[start + 1 :]


def _comment(field: FieldInfo, value: object, margin: str) -> Iterator[str]:
    text = " ".join((field.description or _opening(value)).split())
    if bounds := _bounds(field):
        text = f"{text} ({bounds})" if text else bounds
    yield from (f"{margin}# {line}" for line in textwrap.wrap(text, _WIDTH - len(margin)))


def _opening(value: object) -> str:
    """The first line of a section's docstring."""
    return (type(value).__doc__ or "").split("\n")[0] if isinstance(value, BaseModel) else ""


def _bounds(field: FieldInfo) -> str:
    """The allowed values: `one of a, b`, or `>= 0, < 1`; empty if any value of the type is allowed."""
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        return f"one of {', '.join(str(choice) for choice in get_args(kind))}"
    limits = [
        (sign, getattr(constraint, key))
        for constraint in field.metadata
        for key, sign in _BOUNDS
        if hasattr(constraint, key)
    ]
    return ", ".join(sign.format(f"{limit:g}") for sign, limit in limits)
