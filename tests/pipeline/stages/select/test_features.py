"""Features: stored once, read by place, measured exactly.

python -m pytest tests/pipeline/stages/select/test_features.py
"""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.stage import Row
from pipeline.stages.select import features as module
from pipeline.stages.select.feature_files import FeatureFiles
from pipeline.stages.select.features import ClipFeatures
from tests.pipeline.stages.select.stored_features import empty_files, places_of, store_features


def _store(files: FeatureFiles, vectors: NDArray[np.float32], hashes: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """The places of clips with these, in their order; in two files."""
    clips: list[Row] = [
        {"clip_id": f"{number:03}", "video_id": f"{number}", "shot": 0, "kind": "video", "duration": 2.0}
        for number in range(len(vectors))
    ]
    half = len(clips) // 2
    for part in (slice(half, None), slice(half)):
        store_features(files, clips[part], vectors[part], hashes[part])
    places = places_of(files)
    return np.array([places[clip["clip_id"]] for clip in clips])


def test_hash_distance_is_the_mean_of_differing_bits() -> None:
    with empty_files() as files:
        places = _store(files, np.eye(5, dtype=np.float32), [(0b1010, 0), (0b0110, 0), (1,), (), ()])
        distances = ClipFeatures(files).hash_distances(places[:4], places[1:])
    assert distances.tolist() == [1.0, 64.0, 64.0, 64.0]


def test_half_precision_moves_a_cosine_less_than_its_docstring_says() -> None:
    generator = np.random.default_rng(0)
    vectors = np.maximum(generator.standard_normal((400, 1280)), 0).astype(np.float32) + np.float32(0.2)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    first, second = np.triu_indices(400, 1)
    with empty_files() as files:
        places = _store(files, vectors, [()] * 400)
        similarities = ClipFeatures(files).similarities(places[first], places[second])
    assert np.abs(similarities - (unit @ unit.T)[first, second]).max() < 1e-4


@pytest.mark.parametrize("at_once", [3, 4096])
def test_what_may_reach_a_cosine_loses_none_that_does(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", at_once)
    vectors = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    first, second = np.triu_indices(20, 1)
    with empty_files() as files:
        places = _store(files, vectors, [()] * 20)
        features = ClipFeatures(files)
        may = features.may_reach(0.5, places[first], places[second])
        reached = features.similarities(places[first], places[second]) >= 0.5
    assert may[reached].all()
    assert not may[~reached].any()


def test_no_files_have_no_features() -> None:
    with empty_files() as files:
        assert ClipFeatures(files).width == 0
        assert len(ClipFeatures(files).facts(np.empty(0, np.int64))) == 0
