"""A dataset folder of one clip with two stills and two packed samples, and a report, made without a run."""

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from captioning.report.page import write_page
from pipeline.dataset.folder import Dataset
from pipeline.media.encode import encode_jpeg
from pipeline.stage import Output
from schemas.dataset_files import INDEX
from schemas.media_tables import STILL_IMAGES
from schemas.outcome_tables import SAMPLES
from tests.captioning.report.made_report import make_report

FILM = b"the bytes of a film " * 500
STILL_IDS = ("v-0-2000-s000", "v-0-2000-s001")
SAMPLE_IDS = ("v-0-2000-a", "v-0-2000-b")


def make_shown_dataset(folder: Path) -> Dataset:
    """Write the dataset into a folder."""
    dataset = Dataset(str(folder))
    dataset.write_record({"stages": {"split": {"fingerprint": "f"}}})
    output = Output(folder="still_images", contract=STILL_IMAGES, parent="clip_id", media=True)
    for index, still in enumerate(STILL_IDS):
        dataset.write_part(output, "f", f"part-{index}", STILL_IMAGES.table([_still_image(still, index)]))
    rows, tar = [], io.BytesIO()
    for sample in SAMPLE_IDS:
        first = tar.tell()
        with tarfile.open(fileobj=tar, mode="w|", format=tarfile.USTAR_FORMAT) as written:
            for suffix, data in ((".json", b"{}"), (".mp4", sample.encode() + FILM)):
                member = tarfile.TarInfo(sample + suffix)
                member.size = len(data)
                written.addfile(member, io.BytesIO(data))
        rows.append(_sample(sample, first, tar.tell() - first))
    dataset.store.write("shards/small/train-000000.tar", tar.getvalue())
    dataset.write_table(INDEX, SAMPLES, pa.Table.from_pylist(rows, schema=SAMPLES.schema))
    dataset.store.write("report/index.html", write_page(make_report(5), lambda _: None).encode())
    dataset.store.write("report/report.json", b"{}")
    return dataset


def _still_image(still_id: str, index: int) -> dict[str, Any]:
    image = encode_jpeg(np.full((90, 160, 3), 80 * index, np.uint8))
    return {"still_id": still_id, "clip_id": "v-0-2000", "video_id": "v", "image": image}


def _sample(sample_id: str, offset: int, size: int) -> dict[str, Any]:
    return {"sample_id": sample_id, "clip_id": "v-0-2000", "video_id": "v", "source": "v.mp4", "bucket": "160x96x17@8",
            "split": "train", "start_time": 0.0, "end_time": 2.0, "width": 160, "height": 96, "frames": 17, "fps": 8.0,
            "tokens": 5, "shard": "small/train-000000.tar", "offset": offset, "size": size, "checksum": "",
            "decoded_frames": 17, "scores": [], "categories": [],
            "status": "ok", "error": None, "attempts": 1}  # fmt: skip
