"""Find the clips that may be copies of the clips of a file, among those of this and of earlier files.

Both searches give candidates, block by block; `pairs.py` judges the true measures. By embedding, up to `EXACT_UP_TO`
clips every cosine is computed; above, `vector_index` is asked.

By hash: bits in several tables (M. Norouzi, A. Punjani and D. Fleet, "Fast Exact Search in Hamming Space with
Multi-Index Hashing", 2012). With more tables than half the bits that may differ, two codes within that distance differ
by one bit at the most in one of the tables, so looking up every key and its one-bit changes finds every pair. There is
no index of hashes: the keys of new clips and their changes are sorted, and those of all clips are looked up in them as
their files are read. So an index that grows with the dataset need not be in memory, or be kept, for the price of
reading 50 bytes per clip in a run with new clips: a hundred million are 5 GB.

    python -m pytest tests/pipeline/stages/select/test_neighbours.py
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.select.feature_files import Places, place
from pipeline.stages.select.features import ClipFeatures

Pairs = NDArray[np.int64]
"""[pairs, 2]: the places of a clip of the file in question, and of another."""
Keys = NDArray[np.uint64]

EXACT_UP_TO = 20_000
_BLOCK = 1024
_OTHERS_AT_ONCE = 1 << 13
_ROUNDING = 1e-4
_LONGEST_KEY = 48
_KEYS_AT_ONCE = 1 << 22
_CLIPS_AT_ONCE = 1 << 20
_MATCHES_AT_ONCE = 1 << 20


def exact_near(features: ClipFeatures, number: int, min_similarity: float) -> Iterator[Pairs]:
    """The searched clips of file `number` with all of it and of earlier files that may have that cosine."""
    new = features.searched(number)
    earlier = [features.searched(other) for other in features.files.numbers if other <= number]
    others = np.concatenate(earlier)
    for start in range(0, len(new), _BLOCK):
        places = new[start : start + _BLOCK]
        vectors = features.unit_vectors(places)
        for other in range(0, len(others), _OTHERS_AT_ONCE):
            beside = others[other : other + _OTHERS_AT_ONCE]
            near = np.nonzero(vectors @ features.unit_vectors(beside).T >= min_similarity - _ROUNDING)
            pairs = np.stack([places[near[0]], beside[near[1]]], axis=1)
            yield pairs[pairs[:, 1] < pairs[:, 0]]


def near_hashes(features: ClipFeatures, number: int, max_distance: float) -> Iterator[Pairs]:
    """The searched clips of file `number` with all of it and of earlier files within that distance, each pair once."""
    new = features.searched(number)
    stills = features.facts(new)["stills"]
    for count in np.unique(stills[stills > 0]).tolist():
        tables = _HashTables(features, count, math.floor(max_distance * count))
        yield from tables.near(new[stills == count], number)


class _HashTables:
    """Codes of `stills` hashes each that may differ in `differing` bits."""

    def __init__(self, features: ClipFeatures, stills: int, differing: int) -> None:
        self._features = features
        self._stills = stills
        self._differing = differing
        self._tables = differing // 2 + 1
        self._bits = min(64 * stills // self._tables, _LONGEST_KEY)

    def near(self, new: Places, number: int) -> Iterator[Pairs]:
        at_once = max(_KEYS_AT_ONCE // (self._bits + 1), 1)
        stored = list(self._stored(number))
        for start in range(0, len(new), at_once):
            places = new[start : start + at_once]
            starts = self._features.facts(places)["start"]
            for table in range(self._tables):
                keys = self._keys(places, starts, table)
                flips = np.concatenate([np.zeros(1, np.uint64), np.uint64(1) << np.arange(self._bits, dtype=np.uint64)])
                changed = (keys[:, None] ^ flips).ravel()
                order = np.argsort(changed, kind="stable")
                yield from self._matches(table, changed[order], order // len(flips), places, starts, stored)

    def _matches(
        self,
        table: int,
        keys: Keys,
        owners: NDArray[np.int64],
        places: Places,
        starts: NDArray[np.int64],
        stored: Sequence[tuple[Places, NDArray[np.int64]]],
    ) -> Iterator[Pairs]:
        """Pairs of `places`, the owners of sorted `keys`, and clips with one of these keys that are near in all."""
        for others, other_starts in stored:
            wanted = self._keys(others, other_starts, table)
            first = np.searchsorted(keys, wanted, "left")
            counts = np.searchsorted(keys, wanted, "right") - first
            hits = np.flatnonzero(counts)
            ends = np.cumsum(counts[hits])
            for start in range(0, int(ends[-1]) if len(hits) else 0, _MATCHES_AT_ONCE):
                match = np.arange(start, min(start + _MATCHES_AT_ONCE, int(ends[-1])))
                hit = np.searchsorted(ends, match, "right")
                owner = owners[first[hits[hit]] + match - (ends - counts[hits])[hit]]
                other = hits[hit]
                earlier = others[other] < places[owner]
                owner, other = owner[earlier], other[earlier]
                yield self._near(table, places[owner], others[other], starts[owner], other_starts[other])

    def _near(
        self, table: int, first: Places, second: Places, starts: NDArray[np.int64], other_starts: NDArray[np.int64]
    ) -> Pairs:
        """Those that differ in few enough bits and that no table before this one gives."""
        differing = self._features.differing_bits(first, second, (starts, other_starts), self._stills)
        near = np.flatnonzero(differing <= self._differing)
        first, second, starts, other_starts = first[near], second[near], starts[near], other_starts[near]
        new = np.ones(len(first), bool)
        for before in range(table):
            unlike = self._keys(first, starts, before) ^ self._keys(second, other_starts, before)
            new &= np.bitwise_count(unlike) > 1
        return np.stack([first[new], second[new]], axis=1)

    def _keys(self, places: Places, starts: NDArray[np.int64], table: int) -> Keys:
        """The bits of one table, of each code."""
        word, shift = divmod(table * self._bits, 64)
        keys = self._features.hash_words(places, starts, word) >> np.uint64(shift)
        if shift + self._bits > 64:
            keys |= self._features.hash_words(places, starts, word + 1) << np.uint64(64 - shift)
        masked: Keys = keys & np.uint64((1 << self._bits) - 1)
        return masked

    def _stored(self, number: int) -> Iterator[tuple[Places, NDArray[np.int64]]]:
        """The searched clips with that number of stills up to a file, in blocks, and where their hashes begin."""
        for other in self._features.files.numbers:
            if other > number:
                return
            rows = self._features.files.map("rows", other)
            those = np.flatnonzero(rows["searched"] & (rows["stills"] == self._stills))
            for start in range(0, len(those), _CLIPS_AT_ONCE):
                block = those[start : start + _CLIPS_AT_ONCE]
                yield place(other, block), rows["start"][block]
