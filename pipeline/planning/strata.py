"""Draws the sample: seeded, stratified by kind (picture or not, by the name) and by size.

Hours of video, and with them nearly all costs, grow with the size of a file, so the strata have equal sums of the
square roots of the sizes, and half of the sample is allocated by them, half by the number of sources, which tells the
share of unreadable files. Only the listing is used.

    strata = draw(listing["key"], listing["bytes"], sample_size(len(listing)), seed=0)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST, SHARE, MOST = 50, 0.01, 500
_CLASSES = 6  # size classes of the sources that are no pictures
_PER_STRATUM = 4  # sampled sources that a stratum should have; two are the least from which a spread can be told
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic")


@dataclass(frozen=True, slots=True)
class Stratum:
    """Positions in the listing: all `members` of the stratum, and those `drawn` from it."""

    members: NDArray[np.int64]
    drawn: NDArray[np.int64]


def sample_size(objects: int) -> int:
    """1 % of the objects, but at least 50 and at most 500: precision depends on the number, hardly on the share."""
    return min(objects, max(LEAST, min(MOST, round(SHARE * objects))))


def draw(keys: Sequence[str], sizes: Sequence[int], count: int, seed: int) -> tuple[Stratum, ...]:
    """A sample of about `count` objects (at least two per stratum); all of them if there are not more."""
    size = np.asarray(sizes, np.float64)
    if count >= len(size):
        everything = np.arange(len(size))
        return (Stratum(everything, everything),)
    groups = _groups(keys, size, count)
    roots = np.array([np.sqrt(size[group] + 1).sum() for group in groups])
    counts = np.array([len(group) for group in groups])
    weight = roots / roots.sum() + counts / counts.sum()
    generator = np.random.default_rng(seed)
    return tuple(
        Stratum(group, np.sort(generator.choice(group, taken, replace=False)))
        for group, taken in zip(groups, _allocate(counts, weight, count), strict=True)
    )


def _groups(keys: Sequence[str], size: NDArray[np.float64], count: int) -> list[NDArray[np.int64]]:
    picture = np.array([key.lower().endswith(_PICTURES) for key in keys])
    groups: list[NDArray[np.int64]] = []
    for chosen, classes in ((picture, 2), (~picture, _CLASSES)):
        members = np.flatnonzero(chosen)
        if not len(members):
            continue
        members = members[np.argsort(size[members], kind="stable")]
        share = np.sqrt(size[members] + 1)
        number = max(1, min(classes, round(count * len(members) / len(size)) // _PER_STRATUM))
        cut = np.minimum((np.cumsum(share) - share / 2) / share.sum() * number, number - 1e-9).astype(np.int64)
        groups.extend(members[cut == label] for label in range(number) if (cut == label).any())
    return groups


def _allocate(counts: NDArray[np.int64], weight: NDArray[np.float64], count: int) -> list[int]:
    """Numbers to draw per stratum, in proportion to its weight; what a small stratum cannot use goes to the others."""
    taken = np.minimum(2, counts)
    while taken.sum() < count:
        behind = np.where(taken < counts, weight / (taken + 1), -1)
        taken[int(behind.argmax())] += 1
    return [int(number) for number in taken]
