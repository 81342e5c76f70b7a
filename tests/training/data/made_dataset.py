"""A small dataset as `just curate` leaves it: shards of flat clips and pictures, and their index with scores.

from tests.training.data.made_dataset import make_dataset
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
from av.video.reformatter import VideoReformatter

from pipeline.dataset.folder import Dataset
from pipeline.media.encode import encode_h264, encode_png, to_bt709
from schemas.bucket import Bucket
from schemas.dataset_files import INDEX
from schemas.ids import sample_id
from schemas.named_values import list_of
from schemas.outcome_tables import SAMPLES

COUNTS = {"64x48x9@8": 7, "64x48x17@8": 5, "48x64x1": 6}
SHARD_SAMPLES = 4
VALIDATION = 5  # every fifth source


def make_dataset(uri: str, counts: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
    """Write shards and index; returns the index rows. Sample n of a bucket has `colour_of(n)` and `score(n)`."""
    dataset = Dataset(uri)
    rows: list[dict[str, Any]] = []
    for text, count in (counts or COUNTS).items():
        bucket = Bucket.parse(text)
        made = [_row(bucket, number) for number in range(count)]
        for split in ("train", "val"):
            chosen = [row for row in made if row["split"] == split]
            for first in range(0, len(chosen), SHARD_SAMPLES):
                shard = f"{bucket.slug}/{split}-{first // SHARD_SAMPLES:06d}.tar"
                _write_shard(dataset, shard, chosen[first : first + SHARD_SAMPLES])
        rows += made
    order = np.random.default_rng(0).permutation(len(rows))
    dataset.write_table(INDEX, SAMPLES, SAMPLES.table([rows[index] for index in order]))
    return rows


def colour_of(number: int) -> tuple[int, int, int]:
    """Red, green and blue of a sample's frames: tells the first sixteen apart by 12 levels or more."""
    return 30 + 12 * number, 200 - 10 * number, 90


def drop_columns(folder: Path, *names: str) -> None:
    """Take columns out of the index, as if an earlier version had written it."""
    table = pq.read_table(folder / INDEX)
    pq.write_table(table.drop_columns(list(names)), folder / INDEX)


def _row(bucket: Bucket, number: int) -> dict[str, Any]:
    video = f"{bucket.slug}-{number // 2:04d}".replace("-", "")
    clip = f"{video}-{number * 1000}-{number * 1000 + 900}"
    return {
        "sample_id": sample_id(clip, bucket.slug, 0),
        "clip_id": clip,
        "video_id": video,
        "source": f"{'pictures' if bucket.is_image else 'films'}/{video}.mp4",
        "bucket": str(bucket),
        "split": "val" if number // 2 % VALIDATION == VALIDATION - 1 else "train",
        "start_time": 0.0,
        "end_time": bucket.seconds,
        "width": bucket.width,
        "height": bucket.height,
        "frames": bucket.frames,
        "fps": bucket.fps,
        "tokens": 5,
        "decoded_frames": bucket.frames,
        "scores": list_of({"aesthetic": 4 + number / 10} | ({} if bucket.is_image else {"motion": float(number)})),
        "categories": list_of({} if bucket.is_image else {"camera": "static" if number % 2 else "pan"}),
        "status": "ok",
        "error": None,
        "attempts": 1,
    }


def _write_shard(dataset: Dataset, shard: str, rows: list[dict[str, Any]]) -> None:
    tar = io.BytesIO()
    for row in rows:
        first = tar.tell()
        bucket, number = Bucket.parse(row["bucket"]), round(10 * (row["scores"][0]["value"] - 4))
        captions = {name: f"{name} of {row['sample_id']}" for name in ("short", "medium", "dense")}
        members = {"json": json.dumps({"captions": captions}).encode(), **_media(bucket, number)}
        with tarfile.open(fileobj=tar, mode="w|", format=tarfile.USTAR_FORMAT) as written:
            for suffix, data in members.items():
                member = tarfile.TarInfo(f"{row['sample_id']}.{suffix}")
                member.size = len(data)
                written.addfile(member, io.BytesIO(data))
        row |= {"shard": shard, "offset": first, "size": tar.tell() - first}
        row["checksum"] = hashlib.sha256(tar.getvalue()[first:]).hexdigest()
    dataset.store.write(f"shards/{shard}", tar.getvalue())


def _media(bucket: Bucket, number: int) -> dict[str, bytes]:
    image = np.full((bucket.height, bucket.width, 3), colour_of(number), np.uint8)
    if bucket.is_image:
        return {"png": encode_png(image)}
    converter = VideoReformatter()
    frames: list[av.VideoFrame] = [to_bt709(image, converter) for _ in range(bucket.frames)]
    return {"mp4": encode_h264(frames, bucket.fps, 12, "ultrafast")}
