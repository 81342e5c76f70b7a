"""Writes many samples in few shards, all of the same small clip, for measurements that do not depend on the pixels.

make_shards(Path("dataset"), samples=10_000, shards=20)
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from av.video.reformatter import VideoReformatter

from pipeline.media.encode import encode_h264, to_bt709
from schemas.bucket import Bucket
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES

_BUCKET = Bucket(64, 48, 9, 8)


def make_shards(folder: Path, samples: int, shards: int) -> None:
    """Write `samples` samples into `shards` tars and their index."""
    converter = VideoReformatter()
    frames = [to_bt709(np.full((_BUCKET.height, _BUCKET.width, 3), 20 * k, np.uint8), converter) for k in range(9)]
    video = encode_h264(frames, _BUCKET.fps, 18, "veryfast")
    text = json.dumps({"captions": {"short": "gray", "medium": "gray", "dense": "gray that brightens"}}).encode()
    rows: list[dict[str, Any]] = []
    for number in range(shards):
        shard = f"{_BUCKET.slug}/train-{number:06d}.tar"
        path = folder / "shards" / shard
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for clip in range(samples * number // shards, samples * (number + 1) // shards):
                first = tar.offset
                for suffix, data in (("json", text), ("mp4", video)):
                    member = tarfile.TarInfo(f"clip-{clip}-0.{suffix}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
                rows.append(_row(clip, shard, first, tar.offset - first))
        data = path.read_bytes()
        for row in rows[samples * number // shards :]:
            row["checksum"] = _sha256(data, row)
    pq.write_table(pa.Table.from_pylist(rows, schema=SAMPLES.schema), folder / INDEX)


def _sha256(data: bytes, row: dict[str, Any]) -> str:
    return hashlib.sha256(data[row["offset"] : row["offset"] + row["size"]]).hexdigest()


def _row(clip: int, shard: str, offset: int, size: int) -> dict[str, Any]:
    ids = {"sample_id": f"clip-{clip}-0", "clip_id": f"clip-{clip}", "video_id": f"film-{clip // 20}"}
    location = {"bucket": str(_BUCKET), "split": "train", "shard": shard, "offset": offset, "size": size}
    return {**ids, **location, "tokens": 4, "status": "ok", "attempts": 1}
