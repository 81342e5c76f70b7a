"""A finished dataset in miniature: films and a picture in tars, and the index of their bytes."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import cv2
import pyarrow as pa
import pyarrow.parquet as pq
import webdataset

from schemas.bucket import Bucket
from tests.films import make_film, moving, texture

BUCKETS = {"96x64x17@8": 3, "64x96x9@8": 2, "96x64x1": 2}


def make_dataset(folder: Path, broken: str = "") -> Path:
    """Seven samples in three buckets; the media of `broken` is no film."""
    rows: list[dict[str, Any]] = []
    for text, count in BUCKETS.items():
        bucket = Bucket.parse(text)
        shard = f"{bucket.slug}/train-000000.tar"
        data = io.BytesIO()
        writer = webdataset.TarWriter(data, mtime=0, encoder=False)
        for number in range(count):
            sample_id = f"clip{number}-{bucket.slug}-0"
            media = b"no film" if sample_id == broken else _media(bucket, number, folder)
            offset = writer.tarstream.offset
            captions = {
                "short": f"Scene {number}.",
                "medium": f"Scene {number}.",
                "dense": f"A {number} that moves on.",
            }
            described = json.dumps({"sample_id": sample_id, "captions": captions}).encode()
            writer.write({"__key__": sample_id, "png" if bucket.is_image else "mp4": media, "json": described})
            size = writer.tarstream.offset - offset
            rows.append({"sample_id": sample_id, "clip_id": f"clip{number}", "video_id": f"video{number}",
                         "bucket": text, "split": "train", "shard": shard, "offset": offset, "size": size,
                         "checksum": hashlib.sha256(data.getvalue()[offset : offset + size]).hexdigest(),
                         "tokens": 7, "status": "ok"})  # fmt: skip
        writer.close()
        target = folder / "shards" / shard
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.getvalue())
    pq.write_table(pa.Table.from_pylist(rows), folder / "shards" / "index.parquet")
    return folder


def _media(bucket: Bucket, seed: int, folder: Path) -> bytes:
    frames = moving(texture(seed, 300, 200), bucket.frames, (bucket.width, bucket.height), (2, 1))
    if bucket.is_image:
        return cv2.imencode(".png", cv2.cvtColor(next(frames), cv2.COLOR_RGB2BGR))[1].tobytes()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "film.mp4"
    make_film(path, frames, fps=int(bucket.fps))
    data = path.read_bytes()
    path.unlink()
    return data
