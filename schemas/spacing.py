"""Evenly spaced items of a sequence, for whatever shows, captions or checks a few of many.

evenly_spaced(stills, 8)
"""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def evenly_spaced(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` >= 1 of the items in their order; with two or more the first and the last are among them."""
    if len(items) <= count:
        return list(items)
    if count == 1:
        return [items[len(items) // 2]]
    return [items[round(index * (len(items) - 1) / (count - 1))] for index in range(count)]
