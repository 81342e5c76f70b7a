"""An inverted file over the vectors of all clips, on disk, to which new clips are added: which are near a vector?

Vectors are turned to their `_WIDTH` principal axes, which can only shorten a distance, so that the same radius loses no
pair; an inverted file (J. Sivic and A. Zisserman, "Video Google", 2003) compares each with the vectors of the
`CELLS_SEARCHED` cells nearest to it, which may miss a pair: `just bench duplicates` measures how rarely. Faiss does
both. In half precision a clip takes 72 bytes, 0.7 GB for ten million, and the lists are mapped into memory, so that the
kernel keeps what fits. Product codes would take a third of that, but blur distances by more than the radius forgives.

    index-4096/axes.faiss, cells.faiss                what was trained, for a range of sizes
    index-4096/segment-000000-000003.ivf              the clips of the files 0 to 3

A segment appears as a whole; one that is missing is made again from its files. Neighbouring segments are joined as they
come to equal sizes, up to a file's, so that there are few. When four times as many clips have come, cells are trained
anew and the segments made again, once.

What decides where a vector is filed is computed on one thread: sums in another order could file it elsewhere. So equal
files give equal candidates, whatever the number of threads.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np
from faiss.contrib.ivf_tools import add_preassigned, range_search_preassigned
from numpy.typing import NDArray

from pipeline.stages.select import feature_files
from pipeline.stages.select.feature_files import Places
from pipeline.stages.select.features import ClipFeatures

Vectors = NDArray[np.float32]
CELLS_SEARCHED = 48
BLOCK = 2048
_WIDTH = 32
_CELLS_PER_ROOT = 4
_TRAINING_PER_CELL = 40
_TRAINING_ROUNDS = 6
_TRAINING_FOR_AXES = 10_000
# Half precision moves a vector of unit length by no more.
_HALF = 5e-4
# Squared distances of unit vectors are computed to about 1e-6 in single precision.
_ROUNDING = 1e-4


class VectorIndex:
    """The index over the searched clips of all files."""

    def __init__(self, features: ClipFeatures, count: int) -> None:
        """Open the index for about `count` clips; train it if there is none for their order of magnitude."""
        self._features, self._files = features, features.files
        cells = 1 << round(math.log2(_CELLS_PER_ROOT * math.sqrt(count)))
        self.root = f"{self._files.root}/index-{cells}"
        self._axes: faiss.VectorTransform | None = None
        if not self._files.store.exists(f"{self.root}/cells.faiss"):
            with _one_thread():
                self._train(cells)
        if features.width > _WIDTH:
            self._axes = faiss.read_VectorTransform(self._files.local(f"{self.root}/axes.faiss"))
        self._cells: Any = faiss.read_index(self._files.local(f"{self.root}/cells.faiss"))
        self._segments = {key: self._map(key) for key in self._covering()}

    def _train(self, cells: int) -> None:
        width = self._features.width
        if width > _WIDTH:
            axes = faiss.PCAMatrix(width, _WIDTH)
            axes.train(self._features.unit_vectors(self._spread(_TRAINING_FOR_AXES)))
            self._axes = axes
            writer: Any = faiss.VectorIOWriter()
            faiss.write_VectorTransform(axes, writer)
            self._files.store.write(f"{self.root}/axes.faiss", faiss.vector_to_array(writer.data).tobytes())
        short = min(width, _WIDTH)
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatL2(short), short, cells, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_L2, False
        )
        index.cp.niter = _TRAINING_ROUNDS
        index.cp.min_points_per_centroid = 1
        index.nprobe = min(CELLS_SEARCHED, cells)
        sample = self._spread(cells * _TRAINING_PER_CELL)
        parts = np.array_split(sample, -(-len(sample) // BLOCK))
        index.train(np.concatenate([self.turned(self._features.unit_vectors(part)) for part in parts]))
        self._files.store.write(f"{self.root}/cells.faiss", faiss.serialize_index(index).tobytes())

    def _spread(self, wanted: int) -> Places:
        """At most `wanted` searched clips, evenly over all files."""
        sizes = {number: len(self._features.searched(number)) for number in self._files.numbers}
        every = max(sum(sizes.values()) / wanted, 1.0)
        chosen = [np.empty(0, np.int64)]
        for number, size in sizes.items():
            chosen.append(self._features.searched(number)[np.arange(0, size, every).astype(np.int64)])
        return np.concatenate(chosen)

    def turned(self, vectors: Vectors) -> Vectors:
        """Unit vectors [N, D] on the axes of the index."""
        if self._axes is None:
            return vectors
        with _one_thread():
            turned: Vectors = self._axes.apply(vectors)
        return turned

    def near(self, number: int, min_similarity: float, done: Callable[[int], None]) -> Iterator[NDArray[np.int64]]:
        """Pairs [N, 2] of places: each searched clip of file `number`, and others of it and of earlier files that may
        have that cosine. Adds the file to the index. `done` is told how many clips were searched for."""
        # Of unit vectors: |x - y|^2 = 2 - 2 cos.
        radius = (math.sqrt(2 - 2 * min_similarity) + _HALF) ** 2 + _ROUNDING
        for missing in self._files.numbers:
            if missing < number and not self._holds(missing):
                for _ in self._filled(missing, faiss.clone_index(self._cells)):
                    pass
        searched = self._features.searched(number)
        new = None if self._holds(number) else faiss.clone_index(self._cells)
        segments = [index for key, index in self._segments.items() if _span(key)[0] <= number]
        for places, vectors, distances, cells in self._filled(number, new):
            for index in [*segments, *([new] if new else [])]:
                ends, _, labels = range_search_preassigned(index, vectors, radius, cells, distances)
                pairs = np.stack([np.repeat(places, np.diff(ends.astype(np.int64))), labels], axis=1)
                # A later clip of its block is in the index as well; one of a later file asks for itself.
                pairs = pairs[(pairs[:, 0] != pairs[:, 1]) & (pairs[:, 1] <= searched[-1])]
                pairs = np.stack([pairs.max(axis=1), pairs.min(axis=1)], axis=1)
                yield pairs
            done(len(places))

    def remove_others(self) -> None:
        """Remove what was trained for other sizes."""
        for file in self._files.store.list(self._files.root):
            folder = file.key.rpartition("/")[0]
            if folder.startswith(f"{self._files.root}/index-") and folder != self.root:
                self._files.store.remove(file.key)

    def _holds(self, number: int) -> bool:
        return any(first <= number <= last for first, last in map(_span, self._segments))

    def _filled(
        self, number: int, new: faiss.Index | None
    ) -> Iterator[tuple[Places, Vectors, NDArray[np.float32], NDArray[np.int64]]]:
        """A file's clips block by block, with their vectors and nearest cells; they are in `new` then, and stored."""
        searched = self._features.searched(number)
        for start in range(0, len(searched), BLOCK):
            places = searched[start : start + BLOCK]
            vectors = self.turned(self._features.unit_vectors(places))
            with _one_thread():
                distances, cells = self._cells.quantizer.search(vectors, self._cells.nprobe)
            if new is not None:
                add_preassigned(new, vectors, np.ascontiguousarray(cells[:, 0]), places)
            yield places, vectors, distances, cells
        if new is not None:
            self._store(number, number, new)
            self._join()

    def _store(self, first: int, last: int, index: faiss.Index) -> None:
        key = f"{self.root}/segment-{first:06d}-{last:06d}.ivf"
        self._files.store.write(key, faiss.serialize_index(index).tobytes())
        self._segments = dict(sorted({**self._segments, key: self._map(key)}.items()))

    def _join(self) -> None:
        """Join the last segments while the last is at least half as large as the one before it."""
        while len(self._segments) > 1:
            before, last = list(self._segments)[-2:]
            sizes = self._segments[before].ntotal, self._segments[last].ntotal
            if sum(sizes) > feature_files.ROWS_PER_FILE or 2 * sizes[1] < sizes[0]:
                return
            del self._segments[before], self._segments[last]
            joined = faiss.read_index(self._files.local(before))
            joined.merge_from(faiss.read_index(self._files.local(last)), 0)
            self._store(_span(before)[0], _span(last)[1], joined)
            for key in (before, last):
                self._files.store.remove(key)

    def _covering(self) -> list[str]:
        """The segments to read: of those that overlap, after a kill between joining and removing, the joined one."""
        keys = [file.key for file in self._files.store.list(self.root) if "/segment-" in file.key]
        chosen: list[str] = []
        for key in sorted(keys, key=lambda key: (_span(key)[0], -_span(key)[1])):
            if not chosen or _span(key)[0] > _span(chosen[-1])[1]:
                chosen.append(key)
        return chosen

    def _map(self, key: str) -> faiss.Index:
        return faiss.read_index(self._files.local(key), faiss.IO_FLAG_MMAP)


def _span(key: str) -> tuple[int, int]:
    """The first and the last file of a segment."""
    _, first, last = key.rsplit("/", 1)[1].partition(".")[0].split("-")
    return int(first), int(last)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
