"""Writes a configuration as YAML in which every setting stands under what it means and what it may be.

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
    """The configuration as commented YAML that loading reads back to the same values."""
    return "\n".join(_section(config, 0, set())) + "\n"


def _section(section: BaseModel, depth: int, told: set[type[BaseModel]]) -> Iterator[str]:
    """The lines of a section; in a list of sections of one kind the first one alone is commented."""
    kind, margin = type(section), "  " * depth
    silent = kind in told
    told.add(kind)
    for name, field in kind.model_fields.items():
        value = getattr(section, name)
        if not silent:
            yield from _comment(field, value, margin)
        if isinstance(value, BaseModel):
            yield f"{margin}{name}:"
            yield from _section(value, depth + 1, told)
        elif isinstance(value, list) and value and isinstance(value[0], BaseModel):
            yield f"{margin}{name}:"
            for one in value:
                first, *others = _section(one, depth + 1, told)
                yield from _item(first, others, margin)
        else:
            text = yaml.safe_dump({name: section.model_dump(include={name})[name]}, sort_keys=False, width=_WIDTH)
            yield from textwrap.indent(text.rstrip("\n"), margin).split("\n")


def _item(first: str, others: list[str], margin: str) -> Iterator[str]:
    """The lines of a section as an item of a list: its first setting behind the dash, comments before it."""
    lines = [first, *others]
    start = next(place for place, line in enumerate(lines) if not line.lstrip().startswith("#"))
    yield from lines[:start]
    yield f"{margin}- {lines[start].lstrip()}"
    yield from lines[start + 1 :]


def _comment(field: FieldInfo, value: object, margin: str) -> Iterator[str]:
    text = " ".join((field.description or _opening(value)).split())
    if bounds := _bounds(field):
        text = f"{text} ({bounds})" if text else bounds
    yield from (f"{margin}# {line}" for line in textwrap.wrap(text, _WIDTH - len(margin)))


def _opening(value: object) -> str:
    """What a section says of itself: the first line of its class."""
    return (type(value).__doc__ or "").split("\n")[0] if isinstance(value, BaseModel) else ""


def _bounds(field: FieldInfo) -> str:
    """`one of a, b`, or `>= 0, < 1`; empty where anything of the type goes."""
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        return f"one of {', '.join(str(one) for one in get_args(kind))}"
    limits = [(sign, getattr(one, key)) for one in field.metadata for key, sign in _BOUNDS if hasattr(one, key)]
    return ", ".join(sign.format(f"{limit:g}") for sign, limit in limits)
