"""Pack: decode only the spans that ship, encode them in exactly their bucket's shape, and write deterministic shards.

A part is a shard. Each sample's frames are the ones nearest to `start + k / fps`, inside its clip, verified to be those
that were captioned (`sample_frames.py`), without letterbox bars, scaled to cover the bucket and centre-cropped, as
BT.709 limited-range H.264 (images: PNG). With them go the sample's description (`description.py`) and its dense caption
as a text file. A shard that would exceed the size limit continues in `<name>-1.tar`. Shards appear by atomic rename;
the index rows that name them are the commit.

    just curate <bucket> --set pack.buckets='[cogvideox]'
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, cast

import av
import cv2
import numpy as np
import webdataset

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.media.encode import encode_h264, encode_png
from pipeline.media.geometry import Geometry
from pipeline.media.image_file import read_image
from pipeline.media.rgb import RgbConverter
from pipeline.media.signature import image_signature, matches_crop, signatures_differ
from pipeline.stage import Output, Result, Row, StageSpec, attempt, describe
from pipeline.stages.pack import samples
from pipeline.stages.pack.description import describe_sample, image_box
from pipeline.stages.pack.framing import Box, Framing, frame_sample
from pipeline.stages.pack.sample_frames import read_frames
from pipeline.stages.specification import make_spec
from pipeline.storage.store import Store, unchanged_source
from pipeline.storage.temporary import is_full, temporary_folder_is_full
from schemas.bucket import Bucket
from schemas.config import PackConfig, RunConfig
from schemas.errors import CutroomError, MediaError, StageError
from schemas.named_values import list_of
from schemas.outcome_tables import SAMPLES

VERSION = 7
OUTPUTS = (Output(folder="samples", contract=SAMPLES, parent="sample_id"),)
_OWNER = "cutroom"
_SPOOL_BYTES = 64 << 20


def spec(config: RunConfig, dataset_uri: str) -> StageSpec:
    """Rows: planned samples. A part is a shard, and its rows carry all that its bytes depend on."""
    return make_spec(
        "pack",
        Pack,
        VERSION,
        OUTPUTS,
        settings=config.pack.model_dump(include={"crf", "preset", "max_shard_megabytes"}),
        arguments={"dataset_uri": dataset_uri, "config": config.pack, "max_attempts": config.engine.max_attempts},
        identity=samples.IDENTITY,
        partition=samples.by_shard,
    )


@dataclass(frozen=True, slots=True)
class _Media:
    """An encoded sample: its suffix and bytes, the number of source frames decoded, and the crop in source pixels.

    `shown_at` holds, for each of its stills, the index of the frame that matches it; None where motion is too fast.
    """

    suffix: str
    data: bytes
    decoded_frames: int
    crop: Box
    shown_at: list[int | None]


class _Shard:
    """A tar under construction, in memory up to a limit and in a temporary file beyond."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.rows: list[Row] = []
        self._file = cast(IO[bytes], SpooledTemporaryFile(max_size=_SPOOL_BYTES))  # noqa: SIM115 - closed by `save`
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
        with self._file, store.writing(self.key) as target:
            for row in self.rows:
                self._file.seek(row["offset"])
                row["checksum"] = hashlib.sha256(self._file.read(row["size"])).hexdigest()
            self._file.seek(0)
            while block := self._file.read(1 << 22):
                target.write(block)
        return self.rows


class Pack:
    """Rows: the sample plan; a part is one shard's samples in order."""

    def __init__(self, dataset_uri: str, config: PackConfig, max_attempts: int) -> None:
        self._store = Store(f"{dataset_uri}/shards")
        self._config = config
        self._max_attempts = max_attempts

    def rehearse(self, row: Row) -> None:
        """Make one sample and discard it: finds the one that kills its worker."""
        make_media(row, Bucket.parse(row["bucket"]), self._config)

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Make one shard. A sample that cannot be made fails alone; the shard contains the others."""
        try:
            return self._make_shard(rows)
        except CutroomError:
            raise
        except Exception as error:  # never row by row: that would write the shard once per sample
            if is_full(error):
                raise temporary_folder_is_full(f"shard {rows[0]['shard']} is gathered there") from error
            raise StageError(f"shard {rows[0]['shard']} cannot be written: {describe(error)}") from error

    def _make_shard(self, rows: Sequence[Row]) -> list[Result]:
        name = rows[0]["shard"]
        shards = [_Shard(name)]
        results: list[Result] = []
        for row in rows:
            bucket = Bucket.parse(row["bucket"])
            result = attempt(partial(make_media, row, bucket, self._config), self._max_attempts)
            if result.value is None:
                failure = Result(key=row["sample_id"], error=result.error, attempts=result.attempts)
                failure.expected = result.expected
                results.append(failure)
                continue
            media = result.value
            description = describe_sample(row, bucket, media.crop, media.shown_at)
            members = {media.suffix: media.data, "json": description, "txt": row["dense"].encode()}
            size = sum(_tar_size(len(data)) for data in members.values())
            if shards[-1].rows and shards[-1].size + size > self._config.max_shard_megabytes << 20:
                shards.append(_Shard(name.replace(".tar", f"-{len(shards)}.tar")))
            shards[-1].add(row["sample_id"], members, _index_row(row, bucket, media))
        for shard in shards:
            for values in shard.save(self._store) if shard.rows else []:
                counters = {"decoded_frames": values["decoded_frames"], "samples_encoded": 1}
                results.append(Result(key=values["sample_id"], values=values, counters=counters))
        return results


def drop_lost_parts(dataset: Dataset, output: Output, fingerprint: str) -> None:
    """Remove index parts whose shard is missing, or shorter than they say, so that it is packed again."""
    sizes = {file.key.removeprefix("shards/"): file.size for file in dataset.store.list("shards")}
    parts = dataset.committed(output, fingerprint)
    table = dataset.read_parts(output, fingerprint, dict.fromkeys(parts))
    for row in table.to_pylist():
        if row["status"] == "ok" and sizes.get(row["shard"], 0) < row["offset"] + row["size"]:
            dataset.store.remove(row[PART_COLUMN])


def _tar_size(length: int) -> int:
    return 512 + -(-length // 512) * 512


def _index_row(row: Row, bucket: Bucket, media: _Media) -> Row:
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
        "scores": list_of({name: float(value) for name, value in measured.items() if isinstance(value, int | float)}),
        "categories": list_of({name: value for name, value in measured.items() if isinstance(value, str)}),
    }


def make_media(row: Row, bucket: Bucket, config: PackConfig) -> _Media:
    """Decode and encode one sample. Raises `MediaError` if the source's frames are not those that were captioned."""
    geometry = Geometry(row["rotation"], row["width"], row["height"], row["mirrored"])
    framing = frame_sample(geometry, image_box(row), bucket)
    with unchanged_source(row):
        if bucket.is_image:
            return _make_image(row, framing)
        frames, decoded = read_frames(row, bucket, geometry, framing)
    data = encode_h264(frames, bucket.fps, config.crf, config.preset)
    return _Media("mp4", data, decoded, framing.crop, _shown_at(row, bucket, frames, framing))


def _make_image(row: Row, framing: Framing) -> _Media:
    image = read_image(row["uri"])
    if any(signatures_differ(still["signature"], image_signature(image)) for still in row["stills"]):
        raise MediaError("it is not the image that was captioned")
    method = cv2.INTER_AREA if framing.scaled[0] < image.shape[1] else cv2.INTER_CUBIC
    scaled = np.asarray(cv2.resize(image, framing.scaled, interpolation=method), np.uint8)
    return _Media("png", encode_png(framing.cut(scaled)), 1, framing.crop, [0] * len(row["stills"]))


def _shown_at(row: Row, bucket: Bucket, frames: Sequence[av.VideoFrame], framing: Framing) -> list[int | None]:
    """For each still the index of the sample's frame that shows it, so that a shard can be verified by itself."""
    converter = RgbConverter(Geometry(0, bucket.width, bucket.height))
    indices: list[int | None] = []
    for still in row["stills"]:
        index = min(max(0, round((still["time"] - row["start_time"]) * bucket.fps)), len(frames) - 1)
        image = converter.rgb(frames[index], bucket.width, bucket.height)
        size = (row["width"], row["height"])
        # Half of the tolerance, so that changes by encoding cannot cause a complaint later.
        indices.append(index if matches_crop(still["signature"], image, framing.crop, size, share=0.5) else None)
    return indices
