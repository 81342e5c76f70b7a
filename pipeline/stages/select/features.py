"""The features that tell copies: mean embeddings of clips and hashes of their stills, read from their files by place.

In half precision a million clips of 1280 numbers are 2.6 GB, and a cosine moves by less than 0.0001. They stay on disk:
a search holds a few thousand at a time.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.score.scorers.base import unit_length
from pipeline.stages.select.feature_files import ROW, FeatureFiles, Places, by_file, place

_PAIRS_AT_ONCE = 1 << 13
_ROWS_AT_ONCE = 1 << 12
# A product of all with all costs less than pair by pair if at least one pair in so many is asked for.
_PRODUCT_IS_FASTER = 16
# Products of large matrices sum in an order of their own.
_ROUNDING = 1e-5


class ClipFeatures:
    """Vectors, hashes and facts of the clips in `files`, by place."""

    def __init__(self, files: FeatureFiles) -> None:
        self.files = files
        self.width = files.map("vectors", files.numbers[0]).shape[1] if files.numbers else 0

    def searched(self, number: int) -> Places:
        """The places of a file's clips that stand for their look."""
        return place(number, np.flatnonzero(self.files.map("rows", number)["searched"]))

    def facts(self, places: Places) -> NDArray[Any]:
        """The `ROW` of each."""
        return self._gathered(places, np.empty(len(places), ROW), lambda number, rows: self._map("rows", number)[rows])

    def unit_vectors(self, places: Places) -> NDArray[np.float32]:
        """The embeddings [len(places), D] of exactly unit length (or zero)."""
        vectors = np.empty((len(places), self.width), np.float32)
        return unit_length(self._gathered(places, vectors, lambda number, rows: self._map("vectors", number)[rows]))

    def similarities(self, first: Places, second: Places) -> NDArray[np.float64]:
        """Cosine (-1 to 1) of each pair, to six digits: the noise below decides nothing."""
        cosines = np.empty(len(first))
        for start in range(0, len(first), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            cosines[part] = np.einsum("ij,ij->i", self.unit_vectors(first[part]), self.unit_vectors(second[part]))
        return cosines.round(6)

    def may_reach(self, cosine: float, first: Places, second: Places) -> NDArray[np.bool_]:
        """Which pairs may agree to that cosine: sure to `_ROUNDING`, and fast where few clips make many pairs.

        A thousand flat images with equal hashes are half a million pairs to look at.
        """
        may = np.ones(len(first), bool)
        firsts, first_index = np.unique(first, return_inverse=True)
        seconds, second_index = np.unique(second, return_inverse=True)
        if len(firsts) * len(seconds) > _PRODUCT_IS_FASTER * len(first):
            return may
        for start in range(0, len(firsts), _ROWS_AT_ONCE):
            vectors = self.unit_vectors(firsts[start : start + _ROWS_AT_ONCE])
            near = np.flatnonzero((first_index >= start) & (first_index < start + _ROWS_AT_ONCE))
            for other in range(0, len(seconds), _ROWS_AT_ONCE):
                those = near[(second_index[near] >= other) & (second_index[near] < other + _ROWS_AT_ONCE)]
                cosines = vectors @ self.unit_vectors(seconds[other : other + _ROWS_AT_ONCE]).T
                may[those] = cosines[first_index[those] - start, second_index[those] - other] >= cosine - _ROUNDING
        return may

    def hash_words(self, places: Places, starts: NDArray[np.int64], word: int) -> NDArray[np.uint64]:
        """The hash number `word` of each; `starts` are those of their facts."""
        words = np.empty(len(places), np.uint64)
        for number, those, _ in by_file(places):
            words[those] = self._map("hashes", number)[starts[those] + word]
        return words

    def differing_bits(
        self, first: Places, second: Places, starts: tuple[NDArray[np.int64], NDArray[np.int64]], stills: int
    ) -> NDArray[np.int64]:
        """Differing bits over all stills of pairs whose clips have that number each."""
        differing = np.zeros(len(first), np.int64)
        for word in range(stills):
            unlike = self.hash_words(first, starts[0], word) ^ self.hash_words(second, starts[1], word)
            differing += np.bitwise_count(unlike)
        return differing

    def hash_distances(self, first: Places, second: Places) -> NDArray[np.float64]:
        """Mean differing bits (0 to 64) of stills at the same place; 64 if there is not one still per place."""
        facts, others = self.facts(first), self.facts(second)
        stills = facts["stills"]
        equal = stills == others["stills"]
        distances = np.full(len(first), 64.0)
        for count in np.unique(stills[equal & (stills > 0)]).tolist():
            those = np.flatnonzero(equal & (stills == count))
            starts = facts["start"][those], others["start"][those]
            distances[those] = self.differing_bits(first[those], second[those], starts, count) / count
        return distances

    def _map(self, kind: Any, number: int) -> NDArray[Any]:
        return self.files.map(kind, number)

    def _gathered(
        self, places: Places, into: NDArray[Any], take: Callable[[int, NDArray[np.int64]], NDArray[Any]]
    ) -> NDArray[Any]:
        for number, those, rows in by_file(places):
            into[those] = take(number, rows)
        return into
