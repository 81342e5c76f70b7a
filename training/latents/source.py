"""The dataset as the cache sees it: its samples with their checksums, and the parts in which they are encoded.

A part is one shard of the dataset at one shape of a stage. Stages that show a bucket alike share its parts.

    python -m pytest tests/training/latents/test_cache.py
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow.parquet as pq

from pipeline.storage.store import Store
from schemas.bucket import Bucket
from schemas.errors import DatasetError
from schemas.ids import digest
from training.config import StageConfig
from training.data.shapes import ClipShape, Limits, limit
from training.latents.settings import CacheSettings

_INDEX = "shards/index.parquet"
_COLUMNS = ["sample_id", "clip_id", "bucket", "split", "shard", "offset", "size", "checksum", "status"]


@dataclass(frozen=True, slots=True)
class SourceSample:
    """A sample of the dataset: ids, split, and where its bytes are."""

    sample_id: str
    clip_id: str
    split: str
    shard: str
    offset: int
    size: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Part:
    """The samples of one shard at one shape; `name` holds a hash of their keys, so a changed part is another one."""

    name: str
    shape: ClipShape
    samples: tuple[SourceSample, ...]
    keys: tuple[str, ...]


def plan_parts(dataset: Store, stages: Iterable[StageConfig], settings: CacheSettings) -> list[Part]:
    """The parts of all stages, by shape and shard. Raises `DatasetError` if the folder holds no finished dataset."""
    limits = [Limits(short_side=stage.short_side, max_seconds=stage.max_seconds) for stage in stages]
    parts = []
    for (bucket, shard), samples in sorted(_by_shard(dataset).items()):
        for shape in sorted({limit(Bucket.parse(bucket), one) for one in limits}):
            keys = tuple(settings.key(sample.checksum, shape) for sample in samples)
            slug = Bucket(shape.width, shape.height, shape.frames, shape.fps).slug
            name = f"{slug}/{shard.removesuffix('.tar').replace('/', '--')}-{digest(keys)}"
            parts.append(Part(name, shape, tuple(samples), keys))
    return sorted(parts, key=lambda part: part.name)


def _by_shard(dataset: Store) -> dict[tuple[str, str], list[SourceSample]]:
    try:
        table = pq.read_table(io.BytesIO(dataset.read(_INDEX)), columns=_COLUMNS)
    except FileNotFoundError:
        raise DatasetError(f"{dataset.path(_INDEX)} is not there; `just curate` writes it at its end") from None
    found: dict[tuple[str, str], list[SourceSample]] = {}
    for row in table.to_pylist():
        if row.pop("status") == "ok":
            place = (row.pop("bucket"), row["shard"])
            found.setdefault(place, []).append(SourceSample(**row))
    for samples in found.values():
        samples.sort(key=lambda sample: sample.offset)
    return found
