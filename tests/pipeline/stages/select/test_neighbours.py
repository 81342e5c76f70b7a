"""Neighbours: no pair is lost where the search is exact, few are where it is not, and threads change nothing.

python -m pytest tests/pipeline/stages/select/test_neighbours.py
"""

from collections.abc import Iterable

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.stage import Row
from pipeline.stages.select import feature_files, neighbours
from pipeline.stages.select.feature_files import FeatureFiles
from pipeline.stages.select.features import ClipFeatures
from pipeline.stages.select.neighbours import Pairs, exact_near, near_hashes
from pipeline.stages.select.vector_index import VectorIndex
from tests.pipeline.stages.select.stored_features import empty_files, places_of, store_features

Found = set[frozenset[str]]


def _vectors(count: int, width: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors in families of about five."""
    generator = np.random.default_rng(seed)
    families = generator.standard_normal((count // 5 + 1, width))[generator.integers(count // 5 + 1, size=count)]
    vectors = (families + 0.15 * generator.standard_normal((count, width))).astype(np.float32)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _clips(count: int) -> list[Row]:
    return [
        {"clip_id": f"{number:05}", "video_id": f"{number}", "shot": 0, "kind": "video", "duration": 2.0}
        for number in range(count)
    ]


def _store(
    files: FeatureFiles, vectors: NDArray[np.float32], hashes: list[list[int]], order: NDArray[np.int64], slices: int
) -> None:
    """Store clips in `order`, in so many files."""
    clips = _clips(len(vectors))
    for part in np.array_split(order, slices):
        store_features(files, [clips[n] for n in part], vectors[part], [hashes[n] for n in part])


def _named(files: FeatureFiles, pairs: Iterable[Pairs]) -> Found:
    """Pairs of ids; of places, the first is of the later clip."""
    ids = {place: key for key, place in places_of(files).items()}
    everything = np.concatenate([np.empty((0, 2), np.int64), *pairs])
    assert (everything[:, 1] < everything[:, 0]).all()
    return {frozenset((ids[first], ids[second])) for first, second in everything.tolist()}


def _exact(files: FeatureFiles, similarity: float) -> Found:
    places = places_of(files)
    vectors = ClipFeatures(files).unit_vectors(np.array(list(places.values())))
    names = list(places)
    later, earlier = np.nonzero(np.tril(vectors @ vectors.T, -1) >= similarity)
    return {frozenset((names[first], names[second])) for first, second in zip(later, earlier, strict=True)}


@given(st.integers(1, 200), st.integers(2, 90), st.integers(1, 5), st.integers(0, 1000))
@settings(max_examples=15)
def test_a_small_set_loses_no_near_vector(count: int, width: int, slices: int, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(count)
    with empty_files() as files:
        _store(files, _vectors(count, width, seed), [[]] * count, order, slices)
        features = ClipFeatures(files)
        found = _named(files, (pairs for number in files.numbers for pairs in exact_near(features, number, 0.97)))
        assert _exact(files, 0.97) <= found
        assert found <= _exact(files, 0.969)


@pytest.mark.parametrize("width", [16, 200])
def test_a_large_set_loses_few_and_the_same_on_any_number_of_threads(width: int) -> None:
    vectors = _vectors(6000, width, seed=1)
    threads = faiss.omp_get_max_threads()
    found = []
    try:
        for number in (1, 2, 5):
            faiss.omp_set_num_threads(number)
            with empty_files() as files:
                _store(files, vectors, [[]] * 6000, np.random.default_rng(0).permutation(6000), 3)
                found.append(_named(files, _near(files)))
                exact = _exact(files, 0.97)
    finally:
        faiss.omp_set_num_threads(threads)
    assert found[0] == found[1] == found[2]
    assert len(exact) > 5000
    assert len(exact & found[0]) / len(exact) >= 0.99


def _near(files: FeatureFiles) -> Iterable[Pairs]:
    index = VectorIndex(ClipFeatures(files), 6000)
    return [pairs for number in files.numbers for pairs in index.near(number, 0.97, lambda clips: None)]


def _segments(files: FeatureFiles) -> list[str]:
    return [file.key.rsplit("/", 1)[1] for file in files.store.list(files.root) if file.key.endswith(".ivf")]


def test_segments_of_the_index_are_joined_and_one_that_is_lost_is_made_again() -> None:
    vectors = _vectors(6000, 40, seed=2)
    with empty_files() as files:
        _store(files, vectors, [[]] * 6000, np.arange(6000), 3)
        found = _named(files, _near(files))
        assert _segments(files) == ["segment-000000-000002.ivf"]
        assert _named(files, _near(files)) >= found, "searched again, now beside later clips as well"
        for file in files.store.list(files.root):
            if file.key.endswith(".ivf"):
                files.store.remove(file.key)
        index = VectorIndex(ClipFeatures(files), 6000)
        last = _named(files, index.near(2, 0.97, lambda clips: None))
        assert _segments(files) == ["segment-000000-000002.ivf"]
        assert {pair for pair in found if max(pair) >= "04000"} == last


def test_a_join_that_was_killed_before_it_removed_its_segments_costs_nothing() -> None:
    vectors = _vectors(2000, 40, seed=2)
    with empty_files() as files:
        _store(files, vectors, [[]] * 2000, np.arange(2000), 2)
        index = VectorIndex(ClipFeatures(files), 2000)
        kept = {}
        for number in (0, 1):
            list(index.near(number, 0.97, lambda clips: None))
            kept.update({file.key: files.store.read(file.key) for file in files.store.list(index.root)})
        joined = [pairs.tolist() for pairs in VectorIndex(ClipFeatures(files), 2000).near(1, 0.97, lambda clips: None)]
        for key, data in kept.items():
            files.store.write(key, data)
        assert len(_segments(files)) == 2
        again = [pairs.tolist() for pairs in VectorIndex(ClipFeatures(files), 2000).near(1, 0.97, lambda clips: None)]
        assert again == joined, "no clip is compared twice"


def test_when_many_more_clips_have_come_the_index_is_made_again_and_the_old_one_goes() -> None:
    with empty_files() as files:
        _store(files, _vectors(2000, 40, seed=2), [[]] * 2000, np.arange(2000), 1)
        small = VectorIndex(ClipFeatures(files), 300)
        list(small.near(0, 0.97, lambda clips: None))
        large = VectorIndex(ClipFeatures(files), 2000)
        list(large.near(0, 0.97, lambda clips: None))
        large.remove_others()
        folders = {file.key.rsplit("/", 2)[1] for file in files.store.list(files.root) if "index-" in file.key}
        assert folders == {"index-128"}


@given(
    st.integers(1, 60),
    st.sampled_from([0.0, 0.4, 1.0, 5.0, 5.5, 12.3, 64.0]),
    st.integers(1, 3),
    st.integers(0, 1000),
)
@settings(max_examples=20)
def test_no_near_hashes_are_lost_whatever_the_distance(count: int, distance: float, slices: int, seed: int) -> None:
    _check_hashes(count, distance, slices, seed)


def test_no_near_hashes_are_lost_in_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_KEYS_AT_ONCE", "_CLIPS_AT_ONCE", "_MATCHES_AT_ONCE"):
        monkeypatch.setattr(neighbours, name, 50)
    _check_hashes(120, 5.0, 2, seed=0)


def _check_hashes(count: int, distance: float, slices: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    stills = generator.integers(0, 4, size=count)
    families = generator.integers(2**64, size=(count // 8 + 1, 3), dtype=np.uint64)
    codes = families[generator.integers(len(families), size=count)]
    for _ in range(int(1.5 * distance)):
        codes ^= np.uint64(1) << generator.integers(64, size=codes.shape, dtype=np.uint64)
    hashes = [code[:number].tolist() for code, number in zip(codes, stills, strict=True)]
    near = {
        frozenset((f"{later:05}", f"{earlier:05}"))
        for later in range(count)
        for earlier in range(later)
        if 0 < stills[later] == (number := stills[earlier])
        and np.bitwise_count(codes[later, :number] ^ codes[earlier, :number]).mean() <= distance
    }
    with empty_files() as files:
        _store(files, np.eye(count, dtype=np.float32), hashes, generator.permutation(count), slices)
        features = ClipFeatures(files)
        pairs = [pairs for number in files.numbers for pairs in near_hashes(features, number, distance)]
        assert _named(files, pairs) == near
        assert sum(map(len, pairs)) == len(near), "each pair comes once"


def test_a_set_larger_than_a_file_is_stored_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_files, "ROWS_PER_FILE", 30)
    with empty_files() as files:
        _store(files, _vectors(100, 8, seed=0), [[]] * 100, np.arange(100), 1)
        assert [files.rows(number) for number in files.numbers] == [30, 30, 30, 10]
