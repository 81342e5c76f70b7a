"""Frame pack: puts many segments into packs of bounded length, by the number of segments of each length.

Segments have few distinct lengths (one per bucket), so a pack is a pattern: a count of each length. The longest are
placed first and shorter ones fill the rest, as in first-fit decreasing (Johnson, 1974), but a pattern is computed once
and reused for as long as there are segments for it. Millions of segments need a few hundred patterns.

    packs = pack(np.arange(4), np.array([60, 40, 40, 50]), Capacity(100))
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.int64]
# A pattern this full is not improved any further, and at most this many are tried.
_FULL, _TRIES = 0.985, 2000


@dataclass(frozen=True, slots=True)
class Capacity:
    """A pack's capacity: `length` tokens, of which space for `images` images of `image_length` per clip stays free."""

    length: int
    images: float = 0.0
    image_length: int = 0

    def fits(self, used: int, count: int) -> bool:
        """Whether `count` clips of `used` tokens in total leave enough space for their images; one clip always fits."""
        if used > self.length:
            return False
        return count <= 1 or self.length - used >= math.ceil(self.images * count) * self.image_length


@dataclass(frozen=True, slots=True, eq=False)
class Packs:
    """Consecutive packs: their `items`, and in `sizes` how many of them each pack holds."""

    items: Array
    sizes: Array

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def starts(self) -> Array:
        """Each pack's first index in `items`, and the end of the last one: [packs + 1]."""
        return np.concatenate([[0], np.cumsum(self.sizes)])

    def take(self, order: Array) -> "Packs":
        """A selection of the packs, in the given order."""
        sizes = self.sizes[order]
        ends = np.cumsum(sizes)
        index = np.repeat(self.starts[:-1][order] - (ends - sizes), sizes) + np.arange(int(sizes.sum()))
        return Packs(self.items[index], sizes)


def join(packs: list[Packs]) -> Packs:
    """Concatenate packs."""
    empty = np.zeros(0, np.int64)
    return Packs(
        np.concatenate([empty, *(part.items for part in packs)]),
        np.concatenate([empty, *(part.sizes for part in packs)]),
    )


def pack(items: Array, lengths: Array, capacity: Capacity) -> Packs:
    """Put every item into exactly one pack; the last pack is the emptiest.

    `items` and `lengths` (in tokens, none longer than the capacity) are int64 [N]. Items of equal length are taken in
    the order given, so shuffled items stay shuffled.
    """
    values, codes = np.unique(-lengths, return_inverse=True)
    values = -values  # longest first
    by_length = items[np.argsort(codes, kind="stable")]
    counts = np.bincount(codes, minlength=len(values))
    heads = np.concatenate([[0], np.cumsum(counts)[:-1]])
    blocks_of_packs: list[Packs] = []
    while counts.any():
        pattern = np.array(_best(values.tolist(), counts.tolist(), capacity), np.int64)
        used = np.flatnonzero(pattern)
        repeats = int((counts[used] // pattern[used]).min())
        blocks = [
            by_length[heads[code] : heads[code] + repeats * pattern[code]].reshape(repeats, pattern[code])
            for code in used
        ]
        heads, counts = heads + repeats * pattern, counts - repeats * pattern
        blocks_of_packs.append(Packs(np.hstack(blocks).ravel(), np.full(repeats, pattern.sum())))
    return join(blocks_of_packs)


def _best(values: list[int], counts: list[int], capacity: Capacity) -> list[int]:
    """How many of each length to take: the longest that is left, and the combination that fills the pack best."""
    first = next(code for code, count in enumerate(counts) if count)
    best: tuple[int, list[int]] = (0, [])
    tries = 0
    # Depth first, with as many of the longest as possible first: the first leaf is the one of first-fit decreasing.
    stack: list[tuple[int, int, int, list[int]]] = [(first, 0, 0, [0] * first)]
    while stack:
        code, used, taken, pattern = stack.pop()
        if code == len(values):
            tries += 1
            best = max(best, (used, pattern), key=lambda candidate: candidate[0])
            if best[0] >= _FULL * capacity.length or tries >= _TRIES:
                break
            continue
        largest = min(counts[code], (capacity.length - used) // values[code])
        while largest and not capacity.fits(used + largest * values[code], taken + largest):
            largest -= 1
        for number in range(int(code == first), largest + 1):
            stack.append((code + 1, used + number * values[code], taken + number, [*pattern, number]))
    return best[1]
