"""Find the clips that may be copies of a clip: those near it by embedding, and those near it by hash.

Both searches hold the clips that stay, so that ten thousand equal clips cost ten thousand comparisons with the one
that stays and not all their pairs. They give candidates only; `duplicates.py` judges the true measures.

Faiss does both. Embeddings: up to `EXACT_UP_TO` clips every distance is computed. Above, vectors are turned to their
`_WIDTH` principal axes, which can only shorten a distance, so that the same radius loses no pair; and an inverted file
(J. Sivic and A. Zisserman, "Video Google", 2003) compares each with the vectors of the `_CELLS_SEARCHED` cells nearest
to it. That step may miss a pair: `just bench duplicates` measures how rarely.

Hashes: bits in several tables (M. Norouzi, A. Punjani and D. Fleet, "Fast Exact Search in Hamming Space with
Multi-Index Hashing", 2012). With more tables than half the bits that may differ, two codes within that distance differ
by one bit at the most in one of the tables, so that looking up every key and its one-bit changes finds every pair.

What decides where a vector is filed is computed on one thread: sums in another order could file it elsewhere. So equal
clips give equal candidates, whatever the number of threads.

    python -m pytest tests/pipeline/stages/select/test_neighbours.py
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

import faiss
import numpy as np
from faiss.contrib.ivf_tools import add_preassigned, range_search_preassigned
from numpy.typing import NDArray

Places = NDArray[np.int64]
Mask = NDArray[np.bool_]
Pairs = NDArray[np.int64]
"""[pairs, 2]: the place of a clip, and of one before it."""

EXACT_UP_TO = 20_000
_WIDTH = 32
_CELLS_PER_ROOT = 4
_CELLS_SEARCHED = 48
_TRAINING_PER_CELL = 40
_TRAINING_ROUNDS = 6
_TRAINING_FOR_AXES = 10_000
# Squared distances of unit vectors are computed to about 1e-6 in single precision.
_ROUNDING = 1e-4
_LONGEST_KEY = 48


class Neighbours(Protocol):
    """A search over the clips that stay. Clips go by their place in an order, and come in blocks of rising places."""

    def before(self, block: Places) -> Pairs:
        """The clips of the next block, each with what stays before the block and may be near."""
        ...

    def within(self, targets: Mask) -> Pairs:
        """The clips of this block, each with those `targets` of the block that stand before it and may be near."""
        ...

    def keep(self, staying: Mask) -> None:
        """Say which clips of this block stay."""
        ...


class VectorNeighbours:
    """Neighbours by cosine among `count` clips, of which `read` gives unit vectors float32 [places, D]."""

    def __init__(
        self,
        read: Callable[[Places], NDArray[np.float32]],
        count: int,
        min_similarity: float,
        exact_up_to: int = EXACT_UP_TO,
    ) -> None:
        self._read = read
        # Of unit vectors: |x - y|^2 = 2 - 2 cos.
        self._radius = 2 - 2 * min_similarity + _ROUNDING
        self._staying = _Staying(count)
        self._axes: faiss.PCAMatrix | None = None
        self._cells: NDArray[np.int64] | None = None
        width = read(np.arange(min(count, 1))).shape[1]
        self._index: faiss.Index = faiss.IndexFlatL2(width)
        if count > exact_up_to:
            with _one_thread():
                self._train(count, width)

    def _train(self, count: int, width: int) -> None:
        if width > _WIDTH:
            self._axes = faiss.PCAMatrix(width, _WIDTH)
            self._axes.train(self._read(_spread(count, _TRAINING_FOR_AXES)))
        cells = 1 << round(math.log2(_CELLS_PER_ROOT * math.sqrt(count)))
        self._index = faiss.IndexIVFFlat(faiss.IndexFlatL2(min(width, _WIDTH)), min(width, _WIDTH), cells)
        self._index.nprobe = _CELLS_SEARCHED
        self._index.cp.niter = _TRAINING_ROUNDS
        self._index.cp.min_points_per_centroid = 1
        sample = _spread(count, cells * _TRAINING_PER_CELL)
        self._index.train(np.concatenate([self._turned(part) for part in np.array_split(sample, 64)]))

    def before(self, block: Places) -> Pairs:
        """See `Neighbours`."""
        self._block, self._vectors = block, self._turned(block)
        if isinstance(self._index, faiss.IndexIVFFlat):
            with _one_thread():
                distances, self._cells = self._index.quantizer.search(self._vectors, self._index.nprobe)
            results = range_search_preassigned(self._index, self._vectors, self._radius, self._cells, distances)
        else:
            results = self._index.range_search(self._vectors, self._radius)
        return _pairs(results, block, self._staying.places)

    def within(self, targets: Mask) -> Pairs:
        """See `Neighbours`."""
        index = faiss.IndexFlatL2(self._index.d)
        index.add(self._vectors[targets])
        return _pairs(index.range_search(self._vectors, self._radius), self._block, self._block[targets])

    def keep(self, staying: Mask) -> None:
        """See `Neighbours`."""
        if self._cells is None:
            self._index.add(self._vectors[staying])
        else:
            add_preassigned(self._index, self._vectors[staying], self._cells[staying, 0])
        self._staying.add(self._block[staying])

    def _turned(self, places: Places) -> NDArray[np.float32]:
        vectors = self._read(places)
        if self._axes is None:
            return vectors
        with _one_thread():
            turned: NDArray[np.float32] = self._axes.apply(vectors)
        return turned


class HashNeighbours:
    """Neighbours by hash. `stills` says how many each place has; clips with unlike numbers are none.

    `read` gives the hashes uint64 [places, number] of places that all have that number of stills.
    """

    def __init__(
        self, read: Callable[[Places, int], NDArray[np.uint64]], stills: NDArray[np.int64], max_distance: float
    ) -> None:
        self._read = read
        self._stills = stills
        numbers, counts = np.unique(stills[stills > 0], return_counts=True)
        self._tables = {
            number: _HashTables(number, count, math.floor(max_distance * number))
            for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
        }
        self._block: dict[int, Mask] = {}

    def before(self, block: Places) -> Pairs:
        """See `Neighbours`."""
        stills = self._stills[block]
        self._block = {number: stills == number for number in np.unique(stills[stills > 0]).tolist()}
        return _joined(
            self._tables[number].before(block[those], self._read(block[those], number))
            for number, those in self._block.items()
        )

    def within(self, targets: Mask) -> Pairs:
        """See `Neighbours`."""
        return _joined(self._tables[number].within(targets[those]) for number, those in self._block.items())

    def keep(self, staying: Mask) -> None:
        """See `Neighbours`."""
        for number, those in self._block.items():
            self._tables[number].keep(staying[those])


class _HashTables:
    """Codes of `number` hashes each, `count` of them at the most, that may differ in `differing` bits."""

    def __init__(self, number: int, count: int, differing: int) -> None:
        self._differing = differing
        self._staying = _Staying(count)
        bits, tables = 64 * number, differing // 2 + 1
        self._index = faiss.IndexBinaryMultiHash(bits, tables, min(bits // tables, _LONGEST_KEY))
        self._index.nflip = 1

    def before(self, block: Places, codes: NDArray[np.uint64]) -> Pairs:
        self._block, self._codes = block, codes
        # Range searches give what is nearer than the radius.
        results = self._index.range_search(codes.view(np.uint8), self._differing + 1)
        return _pairs(results, block, self._staying.places)

    def within(self, targets: Mask) -> Pairs:
        differing = np.zeros((len(self._block), int(targets.sum())), np.int64)
        for still in self._codes.T:
            differing += np.bitwise_count(still[:, None] ^ still[targets])
        later, earlier = np.nonzero(differing <= self._differing)
        return _with_earlier(self._block[later], self._block[targets][earlier])

    def keep(self, staying: Mask) -> None:
        self._index.add(self._codes[staying].view(np.uint8))
        self._staying.add(self._block[staying])


class _Staying:
    """The places of the clips in an index, in the order in which they were added."""

    def __init__(self, count: int) -> None:
        self._all = np.empty(count, np.int64)
        self._filled = 0

    @property
    def places(self) -> Places:
        return self._all[: self._filled]

    def add(self, places: Places) -> None:
        self._all[self._filled : self._filled + len(places)] = places
        self._filled += len(places)


def _pairs(results: tuple[NDArray[np.int64], object, NDArray[np.int64]], block: Places, targets: Places) -> Pairs:
    """What a range search gives (ends of each query's results, distances, labels) as pairs of places."""
    ends, _, labels = results
    return _with_earlier(np.repeat(block, np.diff(ends.astype(np.int64))), targets[labels])


def _with_earlier(clips: Places, others: Places) -> Pairs:
    """The pairs in which the other stands before the clip."""
    return np.stack([clips, others], axis=1)[others < clips]


def _joined(pairs: Iterable[Pairs]) -> Pairs:
    return np.concatenate([np.empty((0, 2), np.int64), *pairs])


def _spread(count: int, wanted: int) -> Places:
    """At most `wanted` of `count` places, evenly over all."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).astype(np.int64))


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
