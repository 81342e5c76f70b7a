"""Synthetic clips with planted copies, for `just bench duplicates`. The same seed gives the same clips.

The clips are not white noise, in which everything is far from everything else and any search is easy. Embeddings have a
common mean, topics of different sizes, scenes within topics, and variances that fall from axis to axis (a power law),
so that unrelated clips have a cosine similarity of 0.3 on average and one pair in a hundred of 0.7, as real ones of the
embedded profile do. Hashes come from smooth synthetic images that drift from still to still.

    made = make_clips(count=100_000, width=1280, seed=0, folder=Path("/tmp/made"))
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.dataset.query import querying
from pipeline.stages.select.feature_files import FeatureFiles
from pipeline.stages.select.gather import Looks, gather_features

Generator = np.random.Generator

PLANTED_SHARE = 0.05
"""Share of each sort of planted clip among all clips."""
# sort: range of the cosine to the original; range of the share of hash bits that differ
SORTS = {
    "by embedding": (0.972, 0.999, 0.12, 0.40),
    "by hash": (0.76, 0.96, 0.0, 5.9 / 64),
    "near miss": (0.80, 0.968, 0.1, 0.30),
}
_MEAN_LENGTH = 0.56
_SPREAD = 0.83
_TOPIC_SHARE, _SCENE_SHARE = 0.35, 0.35
_CLIPS_PER_TOPIC, _CLIPS_PER_SCENE = 500, 10
_DECAY = 0.6
_BLOCK = 8192


@dataclass(frozen=True, slots=True)
class MadeClips:
    """Clips as a table, and the original of each planted clip, by sort. Embeddings are float16 in a file."""

    clips: pa.Table
    file: Path
    width: int
    hashes: NDArray[np.uint64]
    """The hashes of all stills, clip after clip."""
    starts: NDArray[np.int64]
    """Where each clip's begin [clips + 1]."""
    originals: dict[str, dict[str, str]]

    @property
    def vectors(self) -> NDArray[np.float16]:
        """The embeddings [clips, width], in the pages of their file."""
        return np.memmap(self.file, np.float16, "r").reshape(-1, self.width)

    def store(self, files: FeatureFiles, chosen: NDArray[np.int64]) -> int:
        """Store the features of the clips at these indices, as if they had just been embedded; returns how many."""
        ids = self.clips["clip_id"].take(chosen)
        counts = np.diff(self.starts)[chosen]
        rows = np.repeat(chosen, counts)
        hashes = self.hashes[np.arange(len(rows)) + np.repeat(self.starts[chosen] - np.cumsum(counts) + counts, counts)]
        still_ids = pa.array(np.arange(len(rows)), pa.int64()).cast(pa.string())
        stills = pa.table({"still_id": still_ids, "clip_id": self.clips["clip_id"].take(rows), "hash": hashes})
        parts = pa.array([f"{place // _BLOCK:08d}" for place in range(len(chosen))])
        embedded = {"still_id": ids, "clip_id": ids, "status": pa.array(["ok"]).take(np.zeros(len(ids), int))}

        def read(names: Sequence[str]) -> Iterator[pa.Table]:
            for name in names:
                part = chosen[int(name) * _BLOCK :][:_BLOCK]
                values = self.vectors[part].astype(np.float32)
                vectors = pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])
                start = int(name) * _BLOCK
                table = pa.table({key: column.slice(start, _BLOCK) for key, column in embedded.items()})
                yield table.append_column("vector", vectors.cast(pa.list_(pa.float32())))

        with querying(files.store) as connection:
            looks = Looks(
                connection=connection,
                clips=connection.from_arrow(self.clips),
                stills=connection.from_arrow(stills),
                embedded=connection.from_arrow(pa.table(embedded).append_column("part", parts)),
            )
            return gather_features(files, looks, read)


def make_clips(count: int, width: int, seed: int, folder: Path) -> MadeClips:
    """Make `count` clips with embeddings of `width` numbers, which are written to a file in `folder`."""
    generator = np.random.default_rng(seed)
    planted = int(count * PLANTED_SHARE)
    first_copy = count - planted * len(SORTS)
    originals = np.arange(count)
    originals[first_copy:] = generator.choice(first_copy, count - first_copy)
    sorts = np.repeat(np.arange(len(SORTS) + 1), [first_copy, *[planted] * len(SORTS)])
    ranges = np.array([(1, 1, 0, 0), *SORTS.values()])[sorts]
    file = folder / "vectors.f16"
    vectors: NDArray[np.float16] = np.memmap(file, np.float16, "w+", shape=(count, width))
    _make_vectors(generator, originals, first_copy, vectors, ranges)
    seconds = np.exp(generator.uniform(np.log(2), np.log(20), count))[originals].round(3)
    seconds[originals % 10 == 0] = 0
    stills = np.where(seconds == 0, 1, np.maximum(3, np.ceil(seconds / 2))).astype(np.int64)
    hashes, starts = _make_hashes(generator, originals, first_copy, stills, ranges)
    names = [f"clip-{number:07}" for number in range(count)]
    by_sort = {
        name: {names[index]: names[originals[index]] for index in np.flatnonzero(sorts == number + 1)}
        for number, name in enumerate(SORTS)
    }
    return MadeClips(_table(names, seconds), file, width, hashes, starts, by_sort)


def _table(names: Sequence[str], seconds: NDArray[np.float64]) -> pa.Table:
    moving, count = seconds > 0, len(names)
    return pa.table(
        {
            "clip_id": names,
            "video_id": names,
            "shot": np.zeros(count, np.int32),
            "kind": pa.array(["image", "video"]).take(moving.astype(np.int64)),
            "duration": seconds,
            "width": np.full(count, 1280.0),
            "height": np.full(count, 720.0),
            "fps": moving * 24.0,
            # Later clips have lower quality, so that the planted ones are the copies.
            "bitrate": -np.arange(count, dtype=np.float64),
            "aesthetic": pa.nulls(count, pa.float64()),
        }
    )


def _make_vectors(
    generator: Generator,
    originals: NDArray[np.int64],
    first_copy: int,
    vectors: NDArray[np.float16],
    ranges: NDArray[np.float64],
) -> None:
    """Fill unit `vectors` [clips, width]; the cosine of a planted one to its original is of its sort's range."""
    width = vectors.shape[1]
    scale = np.arange(1, width + 1, dtype=np.float32) ** -_DECAY
    scale *= _SPREAD / np.linalg.norm(scale)

    def draw(count: int) -> NDArray[np.float32]:
        drawn: NDArray[np.float32] = generator.standard_normal((count, width), dtype=np.float32) * scale
        return drawn

    mean = draw(1)
    mean *= _MEAN_LENGTH / np.linalg.norm(mean)
    topics = draw(max(first_copy // _CLIPS_PER_TOPIC, 1)) * np.sqrt(np.float32(_TOPIC_SHARE))
    sizes = np.arange(1, len(topics) + 1) ** -0.7
    for start in range(0, first_copy, _BLOCK):
        end = min(start + _BLOCK, first_copy)
        several = -(-(end - start) // _CLIPS_PER_SCENE)
        scenes = topics[generator.choice(len(topics), several, p=sizes / sizes.sum())]
        scenes += draw(several) * np.sqrt(np.float32(_SCENE_SHARE))
        own = draw(end - start) * np.sqrt(np.float32(1 - _TOPIC_SHARE - _SCENE_SHARE))
        vectors[start:end] = _unit(mean + np.repeat(scenes, _CLIPS_PER_SCENE, axis=0)[: end - start] + own)
    for start in range(first_copy, len(originals), _BLOCK):
        part = slice(start, min(start + _BLOCK, len(originals)))
        towards = _unit(vectors[originals[part]].astype(np.float32))
        aside = draw(len(towards))
        aside = _unit(aside - np.einsum("ij,ij->i", aside, towards)[:, None] * towards)
        cosine = generator.uniform(ranges[part, 0], ranges[part, 1])[:, None].astype(np.float32)
        vectors[part] = cosine * towards + np.sqrt(1 - cosine**2) * aside


def _make_hashes(
    generator: Generator,
    originals: NDArray[np.int64],
    first_copy: int,
    stills: NDArray[np.int64],
    ranges: NDArray[np.float64],
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """All hashes and each clip's start index; a planted clip's differ from its original's in a share of the bits."""
    starts = np.concatenate([[0], np.cumsum(stills)])
    hashes = np.empty(starts[-1], np.uint64)
    image = _smooth_images()
    for start in range(0, first_copy, _BLOCK):
        end = min(start + _BLOCK, first_copy)
        scene = generator.standard_normal((end - start, 72), dtype=np.float32)
        values = np.repeat(scene, stills[start:end], axis=0)
        values += generator.standard_normal(values.shape, dtype=np.float32) / 2
        hashes[starts[start] : starts[end]] = _packed(image(values))
    for start in range(first_copy, len(originals), _BLOCK):
        end = min(start + _BLOCK, len(originals))
        counts = stills[start:end]
        # The index of each still's original: the original's start plus the same offset.
        indices = np.repeat(starts[originals[start:end]] - starts[start:end], counts)
        indices += np.arange(starts[start], starts[end])
        share = generator.uniform(ranges[start:end, 2], ranges[start:end, 3])
        flips = _exact_share(generator, share, counts)
        hashes[starts[start] : starts[end]] = hashes[indices] ^ _packed(flips)
    return hashes, starts


def _exact_share(generator: Generator, share: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Random bits [all stills, 64], of which exactly this share of each clip's is set (rounded down per still)."""
    targets = np.repeat(np.floor(share * 64), counts)
    order = generator.random((int(counts.sum()), 64), dtype=np.float32).argsort(axis=1).argsort(axis=1)
    return order < targets[:, None]


def _smooth_images() -> Callable[[NDArray[np.float32]], NDArray[np.bool_]]:
    """A function from 72 random numbers to the 64 neighbour comparisons of a 9x8 image with mostly coarse content."""
    down = np.cos(np.pi * (np.arange(8)[:, None] + 0.5) * np.arange(8) / 8)
    across = np.cos(np.pi * (np.arange(9)[:, None] + 0.5) * np.arange(9) / 9)
    strength = (1 + np.hypot(np.arange(8)[:, None], np.arange(9))) ** -1.5
    waves = np.einsum("ya,xb,ab->abyx", down, across, strength).reshape(72, 72).astype(np.float32)

    def draw(numbers: NDArray[np.float32]) -> NDArray[np.bool_]:
        grays = (numbers @ waves).reshape(-1, 8, 9)
        darker: NDArray[np.bool_] = (grays[:, :, :-1] < grays[:, :, 1:]).reshape(-1, 64)
        return darker

    return draw


def _packed(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled
