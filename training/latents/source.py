"""The dataset's samples with their checksums, and the parts in which the latent cache encodes them.

A part is one shard of the dataset at one shape of a stage. Stages that use a bucket at the same shape share its parts.

    parts = plan_parts(dataset, config.stages, settings)
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow.parquet as pq

from pipeline.storage.store import Store
from schemas.bucket import Bucket
from schemas.dataset_files import INDEX
from schemas.errors import DatasetError
from schemas.ids import digest
from training.config import StageConfig
from training.data.shapes import ClipShape, Limits, limit
from training.latents.settings import CacheSettings

_COLUMNS = ["sample_id", "clip_id", "bucket", "split", "shard", "offset", "size", "checksum", "status"]


@dataclass(frozen=True, slots=True)
class SourceSample:
    """A sample of the dataset: ids, split, and the location of its bytes below `shards/`."""

    sample_id: str
    clip_id: str
    split: str
    shard: str
    offset: int
    size: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Part:
    """The samples of one shard at one shape; `name` contains a hash of their keys, so a changed part has a new name."""

    name: str
    shape: ClipShape
    samples: tuple[SourceSample, ...]
    keys: tuple[str, ...]


def plan_parts(dataset: Store, stages: Iterable[StageConfig], settings: CacheSettings) -> list[Part]:
    """The parts of all stages, sorted by name. Raises `DatasetError` if the folder holds no finished dataset."""
    limits = [Limits(short_side=stage.short_side, max_seconds=stage.max_seconds) for stage in stages]
    parts = []
    for (bucket, shard), samples in sorted(_by_shard(dataset).items()):
        for shape in sorted({limit(Bucket.parse(bucket), stage_limits) for stage_limits in limits}):
            keys = tuple(settings.key(sample.checksum, shape) for sample in samples)
            slug = Bucket(shape.width, shape.height, shape.frames, shape.fps).slug
            name = f"{slug}/{shard.removesuffix('.tar').replace('/', '--')}-{digest(keys)}"
            parts.append(Part(name, shape, tuple(samples), keys))
    return sorted(parts, key=lambda part: part.name)


def _by_shard(dataset: Store) -> dict[tuple[str, str], list[SourceSample]]:
    try:
        table = pq.read_table(io.BytesIO(dataset.read(INDEX)), columns=_COLUMNS)
    except FileNotFoundError:
        raise DatasetError(f"{dataset.path(INDEX)} is missing; `just curate` writes it at its end") from None
    by_shard: dict[tuple[str, str], list[SourceSample]] = {}
    for row in table.to_pylist():
        if row.pop("status") == "ok":
            group = (row.pop("bucket"), row["shard"])
            by_shard.setdefault(group, []).append(SourceSample(**row))
    for samples in by_shard.values():
        samples.sort(key=lambda sample: sample.offset)
    return by_shard
