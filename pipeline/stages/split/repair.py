"""Repair over-splitting: drop a doubtful boundary if the scene is the same on both sides of it.

A flash, a hand in front of the lens or damaged frames can look like a boundary for a moment, but the scene before and
after is the same. So wherever the detector is unsure, the last still before the boundary and the first one after it
are compared by their embeddings. Boundaries that the detector is sure of are kept: two takes of a scene look alike too.

    rejoin(boundaries, candidates, edges, EfficientNetLite0().embed, sure=0.9, min_similarity=0.85)
    just bench split          # accuracy with and without the repair
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.score.scorers.base import unit_length
from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.stills import Candidate, Candidates

Embed = Callable[[Sequence[bytes]], NDArray[np.float32]]


def rejoin(
    boundaries: Sequence[Boundary],
    candidates: Candidates,
    edges: Sequence[float],
    embed: Embed,
    sure: float,
    min_similarity: float,
) -> list[Boundary]:
    """Drop the boundaries that are doubtful (probability < `sure`) and have the same scene on both sides.

    `edges[i]` is the time in seconds at which frame i appears. Two stills show the same scene if the cosine of their
    embeddings is `min_similarity` or more.
    """
    kept: list[Boundary] = []
    for index, boundary in enumerate(boundaries):
        start = kept[-1].start_of_new if kept else 0
        end = boundaries[index + 1].end_of_old if index + 1 < len(boundaries) else len(edges) - 1
        if boundary.probability >= sure or not _same_scene(
            candidates.nearest(start, boundary.end_of_old, [edges[boundary.end_of_old]]),
            candidates.nearest(boundary.start_of_new, end, [edges[boundary.start_of_new]]),
            embed,
            min_similarity,
        ):
            kept.append(boundary)
    return kept


def _same_scene(before: Sequence[Candidate], after: Sequence[Candidate], embed: Embed, min_similarity: float) -> bool:
    if not before or not after:
        return False
    vectors = unit_length(embed([before[0].image, after[0].image]))
    return float(vectors[0] @ vectors[1]) >= min_similarity
