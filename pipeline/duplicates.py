"""Near-duplicate clips: the best copy stays, the others name it.

Two clips are copies if the cosine of their mean still embeddings reaches the threshold and they last equally long
(to a quarter of a second). Pieces of one divided shot look alike by nature and are never copies of each other. The
best copy is the one with the most pixels, then frames per second, then bytes per second of its source.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.stage import Row
from schemas.media_tables import DUPLICATES

_SAME_LENGTH_SECONDS = 0.25


def find_copies(clips: Sequence[Row], vectors: Mapping[str, NDArray[np.float32]], min_similarity: float) -> pa.Table:
    """Duplicates among clips, given their mean embeddings [D] by clip id.

    `clips` are rows with clip_id, video_id, shot, kind, duration, width, height, fps and bitrate (bytes per second).
    """
    order = sorted((clip for clip in clips if clip["clip_id"] in vectors), key=_rank)
    kept: list[Row] = []
    kept_vectors: list[NDArray[np.float32]] = []
    found: list[Row] = []
    for clip in order:
        vector = vectors[clip["clip_id"]]
        vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
        best = _nearest(clip, vector, kept, kept_vectors, min_similarity)
        if best is None:
            kept.append(clip)
            kept_vectors.append(vector)
        else:
            other, similarity = best
            found.append({"id": clip["clip_id"], "duplicate_of": other, "similarity": round(similarity, 6)})
    return DUPLICATES.table(sorted(found, key=lambda row: str(row["id"])))


def _rank(clip: Row) -> tuple[float, float, float, str]:
    return (-clip["width"] * clip["height"], -clip["fps"], -clip["bitrate"], clip["clip_id"])


def _nearest(
    clip: Row, vector: NDArray[np.float32], kept: list[Row], kept_vectors: list[NDArray[np.float32]], threshold: float
) -> tuple[str, float] | None:
    if not kept:
        return None
    similarities = np.stack(kept_vectors) @ vector
    for index in np.argsort(-similarities, kind="stable"):
        if similarities[index] < threshold:
            return None
        other = kept[index]
        same_shot = (other["video_id"], other["shot"]) == (clip["video_id"], clip["shot"])
        same_length = abs(other["duration"] - clip["duration"]) <= _SAME_LENGTH_SECONDS
        if other["kind"] == clip["kind"] and same_length and not same_shot:
            return str(other["clip_id"]), float(similarities[index])
    return None
