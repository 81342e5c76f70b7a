"""Repair of over-splitting: neighbouring shots that look the same on both sides of a doubtful boundary are one again.

A flash, a hand before the lens or broken frames can look like a boundary for a moment, but the scene before it and
after is the same. So wherever the detector was not sure, the last still before the boundary and the first one after it
are compared by their embeddings. A boundary that it was sure of stands: two takes of one scene look alike too.

    just bench split
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
    """The boundaries without those that are doubtful (probability < `sure`) and have the same scene on both sides.

    `edges[i]` is when frame i appears, in seconds; the same scene is a cosine of `min_similarity` or more.
    """
    kept: list[Boundary] = []
    for place, boundary in enumerate(boundaries):
        start = kept[-1].start_of_new if kept else 0
        end = boundaries[place + 1].end_of_old if place + 1 < len(boundaries) else len(edges) - 1
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
