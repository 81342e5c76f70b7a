"""Near-duplicate clips: the best copy stays, the others name it.

Two clips are copies if they last equally long (to a quarter of a second) and either the cosine of their mean still
embeddings reaches `min_similarity`, or their stills' hashes differ in at most `max_hash_distance` bits on average
while the embeddings agree to `min_hash_similarity`. Heavy recompression moves embeddings but hardly hashes; a crop
moves hashes but hardly embeddings. Pieces of one divided shot look alike by nature and are never copies of each other.
The best copy is the one with the most pixels, then frames per second, then bytes per second of its source.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.stage import Row
from schemas.config import DuplicateConfig
from schemas.media_tables import DUPLICATES

_SAME_LENGTH_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Look:
    """What a clip looks like: the mean embedding [D] of its stills, and their hashes in time order."""

    vector: NDArray[np.float32]
    hashes: tuple[int, ...]


def find_copies(clips: Sequence[Row], looks: Mapping[str, Look], config: DuplicateConfig) -> pa.Table:
    """Duplicates among clips, given their looks by clip id; a clip without one has no copies.

    `clips` are rows with clip_id, video_id, shot, kind, duration, width, height, fps and bitrate (bytes per second).
    """
    order = sorted((clip for clip in clips if clip["clip_id"] in looks), key=_rank)
    if not order:
        return DUPLICATES.empty()
    vectors = np.stack([looks[clip["clip_id"]].vector for clip in order])
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    durations = np.array([clip["duration"] for clip in order])
    kept = np.zeros(len(order), bool)
    found: list[Row] = []
    for place, clip in enumerate(order):
        near = kept & (np.abs(durations - clip["duration"]) <= _SAME_LENGTH_SECONDS)
        copy = _best_copy(place, order, vectors, np.flatnonzero(near), looks, config)
        kept[place] = copy is None
        if copy is not None:
            found.append(copy)
    return DUPLICATES.table(sorted(found, key=lambda row: str(row["id"])))


def _best_copy(
    place: int,
    order: Sequence[Row],
    vectors: NDArray[np.float32],
    near: NDArray[np.intp],
    looks: Mapping[str, Look],
    config: DuplicateConfig,
) -> Row | None:
    clip = order[place]
    similarities = vectors[near] @ vectors[place]
    for index in np.argsort(-similarities, kind="stable"):
        similarity = float(similarities[index])
        if similarity < min(config.min_similarity, config.min_hash_similarity):
            return None
        other = order[int(near[index])]
        same_shot = (other["video_id"], other["shot"]) == (clip["video_id"], clip["shot"])
        if other["kind"] != clip["kind"] or same_shot:
            continue
        distance = hash_distance(looks[clip["clip_id"]].hashes, looks[other["clip_id"]].hashes)
        by_hash = distance <= config.max_hash_distance and similarity >= config.min_hash_similarity
        if by_hash or similarity >= config.min_similarity:
            return {
                "id": clip["clip_id"],
                "duplicate_of": other["clip_id"],
                "similarity": round(similarity, 6),
                "hash_distance": distance,
            }
    return None


def hash_distance(first: Sequence[int], second: Sequence[int]) -> float:
    """Mean number of differing bits (0 to 64) of stills at the same place; 64 if there is not one still per place."""
    if not first or len(first) != len(second):
        return 64.0
    return sum((one ^ other).bit_count() for one, other in zip(first, second, strict=True)) / len(first)


def _rank(clip: Row) -> tuple[float, float, float, str]:
    return (-clip["width"] * clip["height"], -clip["fps"], -clip["bitrate"], clip["clip_id"])
