"""Near-duplicate clips: the best copy stays, the others name it.

Two clips are copies if they last equally long (to a quarter of a second) and either the cosine of their mean still
embeddings reaches `min_similarity`, or their stills' hashes differ in at most `max_hash_distance` bits on average
while the embeddings agree to `min_hash_similarity`. Heavy recompression moves embeddings but hardly hashes; a crop
moves hashes but hardly embeddings. Pieces of one divided shot look alike by nature and are never copies of each other.

The best copy is the one with the most pixels, then frames per second, then bytes per second of its source, then the
highest aesthetic score. Clips are judged from the best down: one is a copy of the most similar of the better ones that
stay, so a copy always names a clip that stays. `pipeline.stages.select.neighbours` finds the few that must be compared.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.stage import Row
from pipeline.stages.select.features import ClipFeatures
from pipeline.stages.select.neighbours import HashNeighbours, Neighbours, Pairs, Places, VectorNeighbours
from schemas.config import DuplicateConfig
from schemas.media_tables import DUPLICATES

SCORE = "aesthetic"
_SAME_LENGTH_SECONDS = 0.25
BLOCK = 1024


def find_copies(
    clips: Sequence[Row],
    features: ClipFeatures,
    config: DuplicateConfig,
    advance: Callable[[int, int], None] | None = None,
) -> pa.Table:
    """Duplicates among clips, given their features; a clip without any has no copies.

    `clips` are rows with clip_id, video_id, shot, kind, duration, width, height, fps, bitrate (bytes per second) and,
    where it was measured, `SCORE`. `advance` is told (clips judged, 0) now and then, for a progress bar.
    """
    order = sorted((clip for clip in clips if clip["clip_id"] in features.rows), key=_rank)
    if not order:
        return DUPLICATES.empty()
    judge = _Judge(order, features, config)
    searches = _searches(judge.rows, features, config)
    rows: list[Row] = []
    for start in range(0, len(order), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(order)))
        earlier = judge.copies([search.before(block) for search in searches])
        # What copies a clip of an earlier block will not stay, so nothing in the block is its copy.
        targets = np.isin(block, earlier.pairs[:, 0], invert=True)
        copies = earlier.with_others(judge.copies([search.within(targets) for search in searches]))
        chosen = copies.settle(block)
        staying = np.isin(block, copies.pairs[chosen, 0], invert=True)
        for search in searches:
            search.keep(staying)
        rows += copies.rows(chosen, order)
        if advance:
            advance(len(block), 0)
    return DUPLICATES.table(sorted(rows, key=lambda row: str(row["id"])))


@dataclass(frozen=True, slots=True)
class _Copies:
    """Pairs of places (a clip, a better one that it copies) with their measures."""

    pairs: Pairs
    similarities: NDArray[np.float64]
    hash_distances: NDArray[np.float64]

    def with_others(self, other: "_Copies") -> "_Copies":
        """Both, each clip's most similar first, and of equals the best."""
        pairs = np.concatenate([self.pairs, other.pairs])
        similarities = np.concatenate([self.similarities, other.similarities])
        distances = np.concatenate([self.hash_distances, other.hash_distances])
        order = np.lexsort((pairs[:, 1], -similarities, pairs[:, 0]))
        return _Copies(pairs[order], similarities[order], distances[order])

    def settle(self, block: Places) -> list[int]:
        """Which pairs to report: each clip's first whose better one stays. All pairs are of clips of `block`."""
        staying = np.ones(len(block), bool)
        chosen = []
        clips, starts = np.unique(self.pairs[:, 0], return_index=True)
        for clip, (first, end) in zip(clips - block[0], pairwise([*starts.tolist(), len(self.pairs)]), strict=True):
            better = self.pairs[first:end, 1] - block[0]
            # What stands before the block is there because it stays.
            stays = np.flatnonzero((better < 0) | staying[np.maximum(better, 0)])
            if len(stays):
                staying[clip] = False
                chosen.append(first + int(stays[0]))
        return chosen

    def rows(self, chosen: Sequence[int], order: Sequence[Row]) -> list[Row]:
        """Those pairs as rows of the duplicates table."""
        return [
            {
                "id": order[self.pairs[pair, 0]]["clip_id"],
                "duplicate_of": order[self.pairs[pair, 1]]["clip_id"],
                "similarity": float(self.similarities[pair]),
                "hash_distance": float(self.hash_distances[pair]),
            }
            for pair in chosen
        ]


class _Judge:
    """Tells copies from candidates, by the true measures of the clips in `order`."""

    def __init__(self, order: Sequence[Row], features: ClipFeatures, config: DuplicateConfig) -> None:
        self.rows = np.array([features.rows[clip["clip_id"]] for clip in order], np.int64)
        self._features = features
        self._config = config
        self._durations = np.array([clip["duration"] for clip in order], np.float64)
        self._kinds = _numbered(clip["kind"] for clip in order)
        self._shots = _numbered((clip["video_id"], clip["shot"]) for clip in order)

    def copies(self, candidates: Sequence[Pairs]) -> _Copies:
        """Those candidates that are copies."""
        places = np.concatenate([self._allowed(pairs) for pairs in candidates])
        # A pair may be a candidate of both searches.
        both = np.unique(places[:, 0] * len(self.rows) + places[:, 1])
        pairs = np.stack([both // len(self.rows), both % len(self.rows)], axis=1)
        config = self._config
        floor = min(config.min_similarity, config.min_hash_similarity)
        pairs = pairs[self._features.may_reach(floor, *self.rows[pairs.T])]
        first, second = self.rows[pairs.T]
        similarities = self._features.similarities(first, second)
        distances = self._features.hash_distances(first, second)
        by_hash = (distances <= config.max_hash_distance) & (similarities >= config.min_hash_similarity)
        copy = by_hash | (similarities >= config.min_similarity)
        return _Copies(pairs[copy], similarities[copy], distances[copy])

    def _allowed(self, pairs: Pairs) -> Pairs:
        clip, other = pairs[:, 0], pairs[:, 1]
        near = np.abs(self._durations[clip] - self._durations[other]) <= _SAME_LENGTH_SECONDS
        same_kind = self._kinds[clip] == self._kinds[other]
        allowed: Pairs = pairs[near & same_kind & (self._shots[clip] != self._shots[other])]
        return allowed


def _searches(rows: Places, features: ClipFeatures, config: DuplicateConfig) -> list[Neighbours]:
    return [
        VectorNeighbours(lambda places: features.unit_vectors(rows[places]), len(rows), config.min_similarity),
        HashNeighbours(
            lambda places, stills: features.codes(rows[places], stills),
            features.still_counts(rows),
            config.max_hash_distance,
        ),
    ]


def _numbered(values: Iterable[Hashable]) -> NDArray[np.int64]:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)


def _rank(clip: Row) -> tuple[float, float, float, float, str]:
    score = clip.get(SCORE)
    # Frames per second are counted from times that containers round: only a tenth is a difference.
    return (
        -clip["width"] * clip["height"],
        -round(clip["fps"], 1),
        -clip["bitrate"],
        math.inf if score is None else -score,
        clip["clip_id"],
    )
