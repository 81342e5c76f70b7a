"""Killed at random moments, with its whole process group, a run ends with the bytes of an undisturbed one."""

from pathlib import Path

import pytest

from pipeline.benchmarks.kills import run_kills
from tests.object_store import s3_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
MOMENTS = 3


def test_random_moments_on_a_local_disk(tmp_path: Path) -> None:
    kills = run_kills(str(tmp_path), MOMENTS, seed=1)
    assert kills.hits.total() == MOMENTS
    assert kills.compared >= 1


def test_random_moments_in_an_object_store() -> None:
    with s3_server("kills") as place:
        kills = run_kills(place, MOMENTS, seed=2)
    assert kills.hits.total() == MOMENTS
    assert kills.compared >= 1
