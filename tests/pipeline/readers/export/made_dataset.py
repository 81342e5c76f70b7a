"""A dataset of shards alone, made without a run: videos of several shapes, an image, both splits, awkward captions."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from schemas.bucket import Bucket
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES

# What splits lines somewhere: readlines splits at \r and \n alone, str.splitlines at all of these.
AWKWARD = 'A bear,\n"brown",\r\nwalks.\u2028It\x0bstops\x85 and\u2029 looks: {"a": [1]} \\ ünï\n'
FILMS = {
    "a-0-2000-160x96x17-8fps-0": ("160x96x17@8", "train", "A dog runs."),
    "a-0-2000-160x96x17-8fps-1": ("160x96x17@8", "train", AWKWARD),
    "b-0-5000-160x96x33-8fps-0": ("160x96x33@8", "train", "  A cat sleeps.  "),
    "c-0-2000-96x160x17-7p5fps-0": ("96x160x17@7.5", "val", "Rain falls."),
    "d-0-0-160x96x1-0": ("160x96x1", "train", "A still lake."),
}


def film(sample_id: str) -> bytes:
    """The bytes that stand for a sample's video: of its own length, so that no two are taken for each other."""
    return sample_id.encode() * (50 + len(sample_id))


def make_dataset(folder: Path, videos: dict[str, tuple[str, str, str]] = FILMS) -> Dataset:
    """Write the dataset into a folder; each video is (bucket, split, dense caption)."""
    dataset = Dataset(str(folder))
    rows, tar = [], io.BytesIO()
    for sample_id, (bucket, split, caption) in videos.items():
        first = tar.tell()
        suffix = "png" if Bucket.parse(bucket).is_image else "mp4"
        captions = {"short": f"short of {sample_id}", "medium": "", "dense": caption}
        described = json.dumps({"captions": captions}, ensure_ascii=False).encode()
        with tarfile.open(fileobj=tar, mode="w|", format=tarfile.USTAR_FORMAT) as written:
            for name, data in ((suffix, film(sample_id)), ("json", described)):
                member = tarfile.TarInfo(f"{sample_id}.{name}")
                member.size = len(data)
                written.addfile(member, io.BytesIO(data))
        rows.append(_row(sample_id, Bucket.parse(bucket), split, first, tar.getvalue()[first:]))
    dataset.store.write("shards/all.tar", tar.getvalue())
    dataset.write_table(INDEX, SAMPLES, pa.Table.from_pylist(rows, schema=SAMPLES.schema))
    return dataset


def _row(sample_id: str, bucket: Bucket, split: str, offset: int, piece: bytes) -> dict[str, Any]:
    return {"sample_id": sample_id, "clip_id": sample_id[:8], "video_id": sample_id[0], "source": "v.mp4",
            "bucket": str(bucket), "split": split, "start_time": 0.0, "end_time": 2.0, "width": bucket.width,
            "height": bucket.height, "frames": bucket.frames, "fps": bucket.fps, "tokens": 5, "shard": "all.tar",
            "offset": offset, "size": len(piece), "checksum": hashlib.sha256(piece).hexdigest(), "decoded_frames": 17,
            "scores": [], "categories": [], "status": "ok", "error": None, "attempts": 1}  # fmt: skip
