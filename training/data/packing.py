"""Frame pack: many segments into packs of bounded length, by counting how many there are of each length.

Segments come in few distinct lengths (one per bucket), so a pack is a pattern: so many of each length. The longest are
placed first and shorter ones fill what is left, as first-fit decreasing does (Johnson, 1974), but a pattern is found
once and used for as long as there are segments for it. Millions of segments cost a few hundred patterns.

    python -m pytest tests/training/data/test_packing.py
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.int64]
# A pattern this full is not improved any further, and no more than so many are tried.
_FULL, _TRIES = 0.985, 2000


@dataclass(frozen=True, slots=True)
class Room:
    """What a pack holds: `length` tokens, of which `images` segments of `image_length` per other one are kept free."""

    length: int
    images: float = 0.0
    image_length: int = 0

    def fits(self, used: int, count: int) -> bool:
        """Whether `count` segments of `used` tokens leave the room that their images need; a single one always fits."""
        if used > self.length:
            return False
        return count <= 1 or self.length - used >= math.ceil(self.images * count) * self.image_length


@dataclass(frozen=True, slots=True, eq=False)
class Packs:
    """Packs one after the other: their `items`, and how many of them each pack holds."""

    items: Array
    sizes: Array

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def starts(self) -> Array:
        """Where each pack begins in `items`, and where the last one ends."""
        return np.concatenate([[0], np.cumsum(self.sizes)])

    def take(self, order: Array) -> "Packs":
        """The packs in another order, or some of them."""
        sizes = self.sizes[order]
        ends = np.cumsum(sizes)
        places = np.repeat(self.starts[:-1][order] - (ends - sizes), sizes) + np.arange(int(sizes.sum()))
        return Packs(self.items[places], sizes)


def join(packs: list[Packs]) -> Packs:
    """All of them, one after the other."""
    empty = np.zeros(0, np.int64)
    return Packs(
        np.concatenate([empty, *(one.items for one in packs)]), np.concatenate([empty, *(one.sizes for one in packs)])
    )


def pack(items: Array, lengths: Array, room: Room) -> Packs:
    """Put every item (of `lengths` tokens, none longer than the room) into exactly one pack; the last is the emptiest.

    Items of equal length are taken in the order given, so shuffled items stay shuffled.
    """
    values, codes = np.unique(-lengths, return_inverse=True)
    values = -values  # longest first
    by_length = items[np.argsort(codes, kind="stable")]
    counts = np.bincount(codes, minlength=len(values))
    heads = np.concatenate([[0], np.cumsum(counts)[:-1]])
    found: list[Packs] = []
    while counts.any():
        pattern = np.array(_best(values.tolist(), counts.tolist(), room), np.int64)
        used = np.flatnonzero(pattern)
        repeats = int((counts[used] // pattern[used]).min())
        blocks = [
            by_length[heads[code] : heads[code] + repeats * pattern[code]].reshape(repeats, pattern[code])
            for code in used
        ]
        heads, counts = heads + repeats * pattern, counts - repeats * pattern
        found.append(Packs(np.hstack(blocks).ravel(), np.full(repeats, pattern.sum())))
    return join(found)


def _best(values: list[int], counts: list[int], room: Room) -> list[int]:
    """How many of each length to take: the longest that is left, and what fills the room best beside it."""
    first = next(code for code, count in enumerate(counts) if count)
    best: tuple[int, list[int]] = (0, [])
    tries = 0
    # Depth first, most of the longest first: the first leaf is what first-fit decreasing takes.
    stack: list[tuple[int, int, int, list[int]]] = [(first, 0, 0, [0] * first)]
    while stack:
        code, used, taken, pattern = stack.pop()
        if code == len(values):
            tries += 1
            best = max(best, (used, pattern), key=lambda one: one[0])
            if best[0] >= _FULL * room.length or tries >= _TRIES:
                break
            continue
        most = min(counts[code], (room.length - used) // values[code])
        while most and not room.fits(used + most * values[code], taken + most):
            most -= 1
        for number in range(int(code == first), most + 1):
            stack.append((code + 1, used + number * values[code], taken + number, [*pattern, number]))
    return best[1]
