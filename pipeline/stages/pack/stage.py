"""Pack: write deterministic shards by copying media that exists, with a description and a text beside each.

A row is a shard (`rows.py`): its samples in order, and where the media of each is, in `encoded_media` or in a shard
that holds it already. Nothing is decoded or encoded. Beside the media go the sample's description (`description.py`)
and its dense caption as a text file. A shard that would exceed the size limit continues in `<name>-1.tar`. Shards
appear by atomic rename under names that no committed shard has; the index that names them is the commit
(`packing.py`).

    just curate <bucket> --set pack.samples_per_shard=128
"""

import hashlib
import json
from collections.abc import Iterable
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import IO, cast

import webdataset

from pipeline.dataset.sample_bytes import MediaReader, read_members
from pipeline.stage import Output, Result, Row, StageSpec, describe
from pipeline.stages.encode.media import Media
from pipeline.stages.encode.stage import media_of
from pipeline.stages.pack.description import describe_sample
from pipeline.stages.specification import make_spec
from pipeline.storage.store import Store
from pipeline.storage.temporary import is_full, temporary_folder_is_full
from schemas.bucket import Bucket
from schemas.config import PackConfig, RunConfig
from schemas.errors import CutroomError, StageError
from schemas.named_values import list_of
from schemas.pack_tables import PACKED_SAMPLES, PACKING

VERSION = 8
OUTPUTS = (
    Output(folder="packing", contract=PACKING, parent="shard"),
    Output(folder="samples", contract=PACKED_SAMPLES, parent="planned_shard"),
)
_OWNER = "cutroom"
_SPOOL_BYTES = 64 << 20


def spec(config: RunConfig, dataset_uri: str) -> StageSpec:
    """Rows: shards to write. A row carries all that its bytes depend on."""
    return make_spec(
        "pack",
        Pack,
        VERSION,
        OUTPUTS,
        settings=config.pack.model_dump(include={"max_shard_megabytes"}),
        arguments={"dataset_uri": dataset_uri, "config": config.pack},
        identity=("content",),
    )


class _Shard:
    """A tar under construction, in memory up to a limit and in a temporary file beyond."""

    def __init__(self, key: str, gathered: ExitStack) -> None:
        self.key = key
        self.rows: list[Row] = []
        spool = SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115 - `gathered` closes it
        self._file = cast(IO[bytes], gathered.enter_context(spool))
        self._writer = webdataset.TarWriter(
            self._file, user=_OWNER, group=_OWNER, mode=0o444, mtime=0, compress=False, encoder=False
        )

    @property
    def size(self) -> int:
        """Bytes so far."""
        return int(self._writer.tarstream.offset)

    def add(self, key: str, members: dict[str, bytes], row: Row) -> None:
        """Write a sample and keep its index row, to which offset and size are added."""
        offset = self.size
        self._writer.write({"__key__": key, **members})
        self.rows.append({**row, "shard": self.key, "offset": offset, "size": self.size - offset})

    def save(self, store: Store) -> list[Row]:
        """Write the tar to the store; returns the index rows with their checksums."""
        self._writer.close()
        with store.writing(self.key) as target:
            for row in self.rows:
                self._file.seek(row["offset"])
                row["checksum"] = hashlib.sha256(self._file.read(row["size"])).hexdigest()
            self._file.seek(0)
            while block := self._file.read(1 << 22):
                target.write(block)
        return self.rows


class Pack:
    """Writes one shard, of one row."""

    def __init__(self, dataset_uri: str, config: PackConfig) -> None:
        self._dataset, self._store = Store(dataset_uri), Store(f"{dataset_uri}/shards")
        self._media = MediaReader(self._dataset)
        self._megabytes = config.max_shard_megabytes

    def process(self, row: Row) -> Result:
        """Write a shard. Raises `DatasetError` for one that is damaged, `StageError` for what nobody expects."""
        try:
            return self._make_shard(row)
        except CutroomError:
            raise
        except Exception as error:  # a shard that failed would leave its samples in no state
            if is_full(error):
                raise temporary_folder_is_full(f"shard {row['shard']} is gathered there") from error
            raise StageError(f"shard {row['shard']} cannot be written: {describe(error)}") from error

    def _make_shard(self, row: Row) -> Result:
        samples = ((sample, self._read(sample)) for sample in row["samples"])
        described = ((_index_row(sample, media), _members(sample, media)) for sample, media in samples)
        return gathered_shard(self._store, row["shard"], described, self._megabytes)

    def _read(self, sample: Row) -> Media:
        """The media of a sample, from where it is."""
        key, path = sample["sample_id"], sample["path"]
        if sample["suffix"] is None:
            place = (sample["offset"], sample["size"], sample["checksum"])
            return media_of(read_members(self._dataset, path, key, *place), sample["decoded_frames"])
        data = self._media.read(path, key)
        if hashlib.sha256(data).hexdigest() != sample["checksum"]:
            raise StageError(f"{self._dataset.path(path)} is damaged; remove it and run the same command again")
        left, top, width, height = sample["crop"]
        return Media(sample["suffix"], data, sample["decoded_frames"], (left, top, width, height), sample["shown_at"])


def gathered_shard(store: Store, name: str, samples: Iterable[tuple[Row, dict[str, bytes]]], megabytes: int) -> Result:
    """Write samples (index rows with their members) into a tar, or several if they exceed the size."""
    with ExitStack() as gathered:
        shards = [_Shard(name, gathered)]
        for values, members in samples:
            size = sum(_tar_size(len(data)) for data in members.values())
            if shards[-1].rows and shards[-1].size + size > megabytes << 20:
                shards.append(_Shard(name.replace(".tar", f"-{len(shards)}.tar"), gathered))
            shards[-1].add(values["sample_id"], members, values)
        rows = [{**values, "planned_shard": name} for shard in shards for values in shard.save(store)]
    sizes = {"samples": len(rows), "bytes": sum(values["size"] for values in rows)}
    counters = {"samples_packed": sizes["samples"], "bytes_written": sizes["bytes"]}
    return Result(key=name, values={"shard": name, **sizes}, others={"samples": rows}, counters=counters)


def _members(row: Row, media: Media) -> dict[str, bytes]:
    """What goes into the shard of a sample, by suffix."""
    description = describe_sample(row, Bucket.parse(row["bucket"]), media.crop, media.shown_at)
    return {media.suffix: media.data, "json": description, "txt": row["dense"].encode()}


def _tar_size(length: int) -> int:
    return 512 + -(-length // 512) * 512


def _index_row(row: Row, media: Media) -> Row:
    bucket = Bucket.parse(row["bucket"])
    measured: dict[str, float | str | None] = json.loads(row["scores"])
    return {
        "sample_id": row["sample_id"],
        "clip_id": row["clip_id"],
        "video_id": row["video_id"],
        "source": row["source"],
        "bucket": row["bucket"],
        "split": row["split"],
        "start_time": row["start_time"],
        "end_time": min(row["clip_end"], row["start_time"] + bucket.seconds),
        "width": bucket.width,
        "height": bucket.height,
        "frames": bucket.frames,
        "fps": bucket.fps,
        "tokens": row["tokens"],
        "decoded_frames": media.decoded_frames,
        "pixels": row["pixels"],
        "description": row["description"],
        "order": row["order"],
        "status": "ok",
        "error": None,
        "attempts": row["attempts"],
        "scores": list_of({name: float(value) for name, value in measured.items() if isinstance(value, int | float)}),
        "categories": list_of({name: value for name, value in measured.items() if isinstance(value, str)}),
    }
