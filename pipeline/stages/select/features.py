"""The features that tell copies: mean embeddings of clips and hashes of their stills, as a few large arrays.

In half precision a million clips of 1280 numbers are 2.6 GB, and a cosine moves by less than 0.0001. There is no Python
object per still.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.stages.score.scorers.base import unit_length

_PAIRS_AT_ONCE = 1 << 14
_ROWS_AT_ONCE = 1 << 12
# Products of large matrices sum in an order of their own.
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class ClipFeatures:
    """Vectors and hashes of many clips: the row of each clip id, and the arrays."""

    rows: Mapping[str, int]
    vectors: NDArray[np.float16]
    """Mean embeddings [rows, D], each near unit length; a row of zeros stands for none."""
    hashes: NDArray[np.uint64]
    """The hashes of all stills, clip after clip, in time order."""
    starts: NDArray[np.int64]
    """Where each row's hashes begin in `hashes` [rows + 1]."""

    def unit_vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The embeddings [len(rows), D] of exactly unit length (or zero)."""
        return unit_length(self.vectors[rows].astype(np.float32))

    def similarities(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
        """Cosine (-1 to 1) of each pair of rows, to six digits: the noise below decides nothing."""
        cosines = np.empty(len(first))
        for start in range(0, len(first), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            cosines[part] = np.einsum("ij,ij->i", self.unit_vectors(first[part]), self.unit_vectors(second[part]))
        return cosines.round(6)

    def may_reach(self, cosine: float, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which pairs of rows may agree to that cosine: much faster than `similarities` and sure to `_ROUNDING`.

        A thousand black clips with equal hashes are half a million pairs to look at. `first` should hold few rows.
        """
        firsts, first_places = np.unique(first, return_inverse=True)
        seconds, second_places = np.unique(second, return_inverse=True)
        vectors = self.unit_vectors(firsts)
        may = np.zeros(len(first), bool)
        for start in range(0, len(seconds), _ROWS_AT_ONCE):
            cosines = vectors @ self.unit_vectors(seconds[start : start + _ROWS_AT_ONCE]).T
            those = np.flatnonzero((second_places >= start) & (second_places < start + _ROWS_AT_ONCE))
            reached = cosines[first_places[those], second_places[those] - start]
            may[those] = reached >= cosine - _ROUNDING
        return may

    def still_counts(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many hashes each row has."""
        counts: NDArray[np.int64] = self.starts[rows + 1] - self.starts[rows]
        return counts

    def codes(self, rows: NDArray[np.int64], count: int) -> NDArray[np.uint64]:
        """The hashes [len(rows), count] of rows that all have `count` of them."""
        codes: NDArray[np.uint64] = self.hashes[self.starts[rows][:, None] + np.arange(count)]
        return codes

    def hash_distances(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean differing bits (0 to 64) of stills at the same place; 64 if there is not one still per place."""
        counts = self.still_counts(first)
        equal = counts == self.still_counts(second)
        distances = np.full(len(first), 64.0)
        for count in np.unique(counts[equal & (counts > 0)]):
            those = np.flatnonzero(equal & (counts == count))
            differing = self.codes(first[those], int(count)) ^ self.codes(second[those], int(count))
            distances[those] = np.bitwise_count(differing).mean(axis=1)
        return distances


def gather_features(embeddings: Iterable[pa.Table], stills: pa.Table) -> ClipFeatures:
    """Features of all clips that have a vector. `embeddings` come part by part, so that they are never all in memory.

    `embeddings` have still_id, clip_id, status and vector; `stills` have still_id, clip_id and hash.
    """
    ordered = stills.select(["still_id", "clip_id", "hash"]).sort_by(
        [("clip_id", "ascending"), ("still_id", "ascending")]
    )
    clips, starts = np.unique(ordered["clip_id"].to_numpy(), return_index=True)
    places = {clip: row for row, clip in enumerate(clips)}
    sums: NDArray[np.float16] | None = None
    seen = np.zeros(len(clips), np.int64)
    wanted = np.diff(np.append(starts, len(ordered)))
    unfinished: dict[int, NDArray[np.float32]] = {}
    for table in embeddings:
        part = table.filter(pc.equal(table["status"], "ok")).sort_by("clip_id").combine_chunks()
        if not len(part):
            continue
        part_clips, firsts, counts = np.unique(part["clip_id"].to_numpy(), return_index=True, return_counts=True)
        rows = np.array([places[clip] for clip in part_clips])
        values = pc.list_flatten(part["vector"]).to_numpy().reshape(len(part), -1)
        added = np.add.reduceat(values, firsts, axis=0)
        if sums is None:
            sums = np.zeros((len(clips), values.shape[1]), np.float16)
        whole = counts == wanted[rows]
        sums[rows[whole]] = unit_length(added[whole])
        for row, vector in zip(rows[~whole].tolist(), added[~whole], strict=True):
            unfinished[row] = unfinished.get(row, 0) + vector
        seen[rows] += counts
    vectors = np.zeros((len(clips), 0), np.float16) if sums is None else sums
    for row, vector in unfinished.items():
        vectors[row] = unit_length(vector[None])[0]
    known = {clip: row for clip, row in places.items() if seen[row]}
    return ClipFeatures(known, vectors, ordered["hash"].to_numpy(), np.append(starts, len(ordered)))
