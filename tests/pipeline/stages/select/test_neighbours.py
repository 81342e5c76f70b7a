"""Neighbours: no pair is lost where the search is exact, few are where it is not, and threads change nothing.

python -m pytest tests/pipeline/stages/select/test_neighbours.py
"""

from collections.abc import Callable

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.stages.select.neighbours import HashNeighbours, Neighbours, VectorNeighbours

Reader = Callable[[NDArray[np.int64]], NDArray[np.float32]]


def _vectors(count: int, width: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors in families of about five."""
    generator = np.random.default_rng(seed)
    families = generator.standard_normal((count // 5 + 1, width))[generator.integers(count // 5 + 1, size=count)]
    vectors = (families + 0.15 * generator.standard_normal((count, width))).astype(np.float32)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _all_pairs(search: Neighbours, count: int, size: int) -> set[tuple[int, int]]:
    """What the search gives if every clip stays."""
    pairs = []
    for start in range(0, count, size):
        block = np.arange(start, min(start + size, count))
        everything = np.ones(len(block), bool)
        pairs += [search.before(block), search.within(everything)]
        search.keep(everything)
    return {(later, earlier) for later, earlier in np.concatenate(pairs).tolist()}


def _exact(vectors: NDArray[np.float32], similarity: float) -> set[tuple[int, int]]:
    later, earlier = np.nonzero(np.tril(vectors @ vectors.T, -1) >= similarity)
    return set(zip(later.tolist(), earlier.tolist(), strict=True))


@given(st.integers(1, 200), st.integers(2, 90), st.integers(1, 100), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_a_small_set_loses_no_near_vector(count: int, width: int, size: int, seed: int) -> None:
    vectors = _vectors(count, width, seed)
    pairs = _all_pairs(VectorNeighbours(lambda places: vectors[places], count, 0.97), count, size)
    assert _exact(vectors, 0.97) <= pairs
    assert all(vectors[later] @ vectors[earlier] > 0.969 and earlier < later for later, earlier in pairs)


@pytest.mark.parametrize("width", [16, 200])
def test_a_large_set_loses_few_and_the_same_on_any_number_of_threads(width: int) -> None:
    vectors = _vectors(6000, width, seed=1)
    threads = faiss.omp_get_max_threads()
    pairs = []
    try:
        for number in (1, 2, 5):
            faiss.omp_set_num_threads(number)
            search = VectorNeighbours(lambda places: vectors[places], 6000, 0.97, exact_up_to=1000)
            pairs.append(_all_pairs(search, 6000, 1024))
    finally:
        faiss.omp_set_num_threads(threads)
    assert pairs[0] == pairs[1] == pairs[2]
    exact = _exact(vectors, 0.97)
    assert len(exact) > 5000
    assert len(exact & pairs[0]) / len(exact) >= 0.99


def test_only_what_stays_is_found() -> None:
    vectors = np.tile(np.array([0.6, 0.8], np.float32), (4, 1))
    search = VectorNeighbours(lambda places: vectors[places], 4, 0.97)
    assert len(search.before(np.array([0, 1]))) == 0
    assert search.within(np.array([True, True])).tolist() == [[1, 0]]
    assert search.within(np.array([False, True])).tolist() == []
    search.keep(np.array([False, True]))
    assert search.before(np.array([2, 3])).tolist() == [[2, 1], [3, 1]]


@given(
    st.integers(1, 150),
    st.sampled_from([0.0, 0.4, 1.0, 5.0, 5.5, 12.3, 64.0]),
    st.integers(1, 100),
    st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_no_near_hashes_are_lost_whatever_the_distance(count: int, distance: float, size: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    stills = generator.integers(0, 4, size=count)
    families = generator.integers(2**64, size=(count // 8 + 1, 3), dtype=np.uint64)
    codes = families[generator.integers(len(families), size=count)]
    for _ in range(int(1.5 * distance)):
        codes ^= np.uint64(1) << generator.integers(64, size=codes.shape, dtype=np.uint64)
    search = HashNeighbours(lambda places, number: codes[places, :number].copy(), stills, distance)
    wanted = {
        (later, earlier)
        for later in range(count)
        for earlier in range(later)
        if 0 < stills[later] == (number := stills[earlier])
        and np.bitwise_count(codes[later, :number] ^ codes[earlier, :number]).mean() <= distance
    }
    assert _all_pairs(search, count, size) == wanted
