"""Takes over the shards of pack 7, whose index does not say what decides pixels and descriptions.

Its media is what encode would make if the encoder's settings and the stages that fix times and geometry are the same,
and if a sample's own description says the same span, stills and area. Then nothing of it is encoded again, and a shard
whose descriptions are the same byte for byte stays as it is. Every sample is read once for that, in the first run only.

    committed = adopt(dataset, committed, planned, Encoder(config.pack, {"split": spec.fingerprint}))
"""

import base64
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.dataset.query import querying
from pipeline.dataset.sample_bytes import read_members
from pipeline.stage import Row
from pipeline.stages.encode.media import image_box
from pipeline.stages.encode.stage import media_of
from pipeline.stages.pack.committed import Committed
from pipeline.stages.pack.description import describe_sample
from pipeline.stages.pack.shard_plan import shuffle_keys
from schemas.bucket import Bucket
from schemas.config import PackConfig
from schemas.dataset_files import INDEX
from schemas.errors import DatasetError

_THREADS = 16
_BATCH_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Encoder:
    """What decides pixels beside a sample itself: the settings, and the fingerprints of the stages before by name."""

    config: PackConfig
    upstream: Mapping[str, str]

    def made(self, record: Mapping[str, Any]) -> bool:
        """Whether the shards of the run of this record were encoded in the same way."""
        settings, stages = record["config"].get("pack", {}), record["stages"]
        same = all(settings.get(name) == getattr(self.config, name) for name in ("crf", "preset"))
        return same and all(
            stages.get(name, {}).get("fingerprint") == fingerprint for name, fingerprint in self.upstream.items()
        )


def adopt(dataset: Dataset, committed: Committed, planned: pa.Table, encoder: Encoder) -> Committed:
    """The committed rows, with the digests of the planned samples whose media and description they hold."""
    if not committed.rows["pixels"].null_count or not dataset.store.exists("run.json"):
        return committed
    record = dataset.read_record()
    # Until pack 6 the column had another name, and samples with bars were cut otherwise.
    with querying(dataset.store) as connection:
        named_so = dataset.columns_of(connection, INDEX, ("categories",)) is not None
    if not named_so or not encoder.made(record):
        return committed
    row_of = committed.row_of(planned)
    known = np.flatnonzero((row_of >= 0) & committed.complete[row_of])
    pixels, descriptions = (np.full(len(committed.rows), None, object) for _ in range(2))
    pairs = _pairs(committed, planned, known, row_of)
    with ThreadPoolExecutor(_THREADS) as threads:
        digests = threads.map(lambda pair: _digests(dataset, *pair), pairs)
        for place, (pixel, description) in zip(row_of[known], digests, strict=True):
            pixels[place], descriptions[place] = pixel, description
    order = shuffle_keys(committed.rows["sample_id"], record["config"]["pack"]["seed"])
    columns = {"pixels": pa.array(pixels, pa.string()), "description": pa.array(descriptions, pa.string())}
    rows = committed.rows
    for name, values in (columns | {"order": pa.array(order, pa.uint64())}).items():
        rows = rows.set_column(rows.column_names.index(name), name, values)
    return replace(committed, rows=rows)


def _pairs(committed: Committed, planned: pa.Table, known: Any, row_of: Any) -> Iterator[tuple[Row, Row]]:
    for first in range(0, len(known), _BATCH_ROWS):
        some = known[first : first + _BATCH_ROWS]
        rows = committed.rows.take(pa.array(row_of[some])).to_pylist()
        yield from zip(rows, planned.take(pa.array(some)).to_pylist(), strict=True)


def _digests(dataset: Dataset, row: Row, wanted: Row) -> tuple[str | None, str | None]:
    """The digests of pixels and description that a packed sample has; None for what is not as it is wanted."""
    place = (row["sample_id"], row["offset"], row["size"], row["checksum"])
    try:
        members = read_members(dataset.store, f"shards/{row['shard']}", *place)
        described = json.loads(members["json"])
        if not _same_pixels(described, wanted):
            return None, None
        media = media_of(members, row["decoded_frames"])
    except (DatasetError, KeyError, ValueError, TypeError):
        return None, None  # damaged, or not ours: it is encoded again
    text = describe_sample(
        wanted | {"uri": described["source_uri"]}, Bucket.parse(wanted["bucket"]), media.crop, media.shown_at
    )
    same = (members["json"], members.get("txt"), row["split"]) == (text, wanted["dense"].encode(), wanted["split"])
    return wanted["pixels"], wanted["description"] if same else None


def _same_pixels(described: Mapping[str, Any], wanted: Row) -> bool:
    bucket = Bucket.parse(wanted["bucket"])
    end = min(wanted["clip_end"], wanted["start_time"] + bucket.seconds)
    stills = [(still["time"], base64.b64decode(still["signature"])) for still in described["stills"]]
    return (
        described["bucket"] == wanted["bucket"]
        and described["span"] == [wanted["start_time"], end]
        and stills == [(still["time"], still["signature"]) for still in wanted["stills"]]
        and described["picture"] == list(image_box(wanted))
        and described["source_size"] == [wanted["width"], wanted["height"]]
    )
