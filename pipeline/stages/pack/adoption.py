"""Takes over the shards of pack 7, whose index does not say what decides pixels and descriptions.

Its media is what encode would make if the encoder's settings and the stages that fix times and geometry are the same,
and if a sample's own description says the same span, stills and area. Then nothing of it is encoded again, and a shard
whose descriptions are the same byte for byte stays as it is. Every sample is read once for that, in the first run only.

    committed = adopt(connection, dataset, committed, planned, Encoder(config.pack, {"split": spec.fingerprint}))
"""

import base64
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.dataset.sample_bytes import read_members
from pipeline.stage import Row
from pipeline.stages.encode.media import image_box
from pipeline.stages.encode.stage import media_of
from pipeline.stages.pack.committed import Committed
from pipeline.stages.pack.description import describe_sample
from pipeline.stages.pack.planned import Planned
from pipeline.stages.pack.samples import PLAN_SCHEMA
from pipeline.stages.pack.shuffle import shuffle_keys
from schemas.bucket import Bucket
from schemas.config import PackConfig
from schemas.dataset_files import INDEX
from schemas.errors import DatasetError

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

_THREADS = 16
_BATCH_ROWS = 1024
_FOUND = pa.schema(
    [("sample_id", pa.string()), ("pixels", pa.string()), ("description", pa.string()), ("order", pa.uint64())]
)
_PLACE = ("sample_id", "shard", "offset", "size", "checksum", "split", "decoded_frames")


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


def adopt(
    connection: "Connection", dataset: Dataset, committed: Committed, planned: Planned, encoder: Encoder
) -> Committed:
    """The committed rows, with the digests of the planned samples whose media and description they hold."""
    from pipeline.dataset.query import spooled

    known = committed.rows.filter("pixels IS NULL").limit(1).fetchall()
    if not known or not dataset.store.exists("run.json"):
        return committed
    record = dataset.read_record()
    # Until pack 6 the column had another name, and samples with bars were cut otherwise.
    named_so = dataset.columns_of(connection, INDEX, ("categories",)) is not None
    if not named_so or not encoder.made(record):
        return committed
    there = committed.rows.filter("complete").project("sample_id").join(planned.digests, "sample_id", how="semi")
    wanted = spooled(connection, PLAN_SCHEMA, planned.rows(connection, there, "sample_id"))
    found = spooled(connection, _FOUND, _found(dataset, committed, wanted, record["config"]["pack"]["seed"]))
    columns = [f'{"found" if name in _FOUND.names else "rows"}."{name}"' for name in committed.rows.columns]
    rows = committed.rows.set_alias("rows").join(found.set_alias("found"), "rows.sample_id = found.sample_id")
    return replace(committed, rows=rows.project(", ".join(columns)))


def _found(dataset: Dataset, committed: Committed, wanted: "Relation", seed: int) -> Iterator[pa.Table]:
    """Of each row of the index the digests that it has, if any, and its place in the shuffle."""
    from pipeline.dataset.query import batches

    place = ", ".join(f"'{name}': rows.\"{name}\"" for name in _PLACE)
    row = ", ".join(f"'{name}': wanted.\"{name}\"" for name in PLAN_SCHEMA.names)
    pairs = (
        committed.rows.set_alias("rows")
        .join(wanted.set_alias("wanted"), "rows.sample_id = wanted.sample_id", how="left")
        .project(f"{{{place}}} AS place, CASE WHEN wanted.sample_id IS NOT NULL THEN {{{row}}} END AS wanted")
    )
    with ThreadPoolExecutor(_THREADS) as threads:
        for table in batches(pairs, _BATCH_ROWS):
            rows = table.to_pylist()
            digests = threads.map(lambda pair: _digests(dataset, pair["place"], pair["wanted"]), rows)
            pixels, descriptions = zip(*digests, strict=True)
            ids = pa.chunked_array([[pair["place"]["sample_id"] for pair in rows]], pa.string())
            yield pa.table([ids, pixels, descriptions, shuffle_keys(ids, seed)], schema=_FOUND)


def _digests(dataset: Dataset, row: Row, wanted: Row | None) -> tuple[str | None, str | None]:
    """The digests of pixels and description that a packed sample has; None for what is not as it is wanted."""
    if wanted is None:
        return None, None
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
