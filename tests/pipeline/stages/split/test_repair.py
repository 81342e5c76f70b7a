"""Doubtful boundaries inside one scene fall; sure ones, and those between scenes, stand.

python -m pytest tests/pipeline/stages/split/test_repair.py
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.repair import rejoin
from pipeline.stages.split.stills import Candidate, Candidates

EDGES = [index / 25 for index in range(201)]


def _embed(images: Sequence[bytes]) -> NDArray[np.float32]:
    """One axis per scene: the image's first byte names it."""
    return np.eye(4, dtype=np.float32)[[image[0] for image in images]]


@pytest.fixture
def candidates() -> Iterator[Candidates]:
    """Scene 0 until frame 100, then scene 1."""
    with Candidates() as kept:
        for frame in range(0, 200, 12):
            kept.add(Candidate(frame / 25, frame, 64, 36, 0, bytes(192), bytes([int(frame >= 100)]) * 9))
        yield kept


def _rejoin(boundaries: list[Boundary], candidates: Candidates) -> list[Boundary]:
    return rejoin(boundaries, candidates, EDGES, _embed, sure=0.9, min_similarity=0.9)


def test_a_flash_falls_and_a_cut_stands(candidates: Candidates) -> None:
    flash, cut = Boundary(50, 51, 0.6), Boundary(100, 100, 0.6)
    assert _rejoin([flash, cut], candidates) == [cut]


def test_what_the_detector_is_sure_of_stands(candidates: Candidates) -> None:
    jump = Boundary(50, 50, 0.95)
    assert _rejoin([jump], candidates) == [jump]


def test_a_shot_without_a_still_is_not_compared(candidates: Candidates) -> None:
    short = [Boundary(49, 49, 0.6), Boundary(55, 55, 0.6)]
    assert _rejoin(short, candidates) == short


def test_the_first_and_the_last_shot_are_compared_too(candidates: Candidates) -> None:
    assert _rejoin([Boundary(20, 22, 0.5), Boundary(180, 184, 0.5)], candidates) == []
