"""A small dataset as a run leaves its shards: clips in train and val, an image, the index, and nothing else.

from tests.pipeline.packed_dataset import pack_dataset
"""

from pathlib import Path

import pyarrow as pa
from PIL import Image

from pipeline.dataset.folder import Dataset
from pipeline.stage import Result, Row
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES
from tests.films import texture, video_row
from tests.pipeline.stages.pack.test_stage import box_of, make_clips, pack_clips

CLIPS, IMAGES = "64x48x17-8fps", "64x48x1"
_MEASURED = '{"motion": 1.5, "camera": "static", "aesthetic": 4.5}'
_NOT_MEASURED = '{"motion": null, "camera": null, "aesthetic": 4.5}'
_LINEAGE = '{"captioner": "facts", "fallback": null}'


def pack_dataset(folder: Path) -> tuple[Dataset, pa.Table]:
    """Three clips to train with, three to validate with, and an image; the dataset and its samples table."""
    sources = folder / "sources"
    sources.mkdir(parents=True)
    results: list[Result] = []
    for name, share in (("train.mp4", 0.0), ("val.mp4", 0.999)):
        clips = [{**clip, "scores": _MEASURED, "lineage": _LINEAGE} for clip in make_clips(sources, name)]
        results += pack_clips(folder / "set", clips, validation_share=share)
    results += pack_clips(folder / "set", [_image(sources / "still.png")])
    rows = [{**(result.values or {}), "status": "ok", "error": None, "attempts": 1} for result in results]
    dataset, samples = Dataset(str(folder / "set")), SAMPLES.table(rows)
    dataset.write_table(INDEX, SAMPLES, samples)
    return dataset, samples


def _image(path: Path) -> Row:
    Image.fromarray(texture(3, 64, 48)).save(path)
    source = video_row(path)
    known = {"clip_id": "still", "video_id": "v", "source": path.name, "fps": 0.0, "tokens": 1, "scores": _NOT_MEASURED}
    times = {"start_time": 0.0, "end_time": 0.0, "duration": 0.0, "lineage": _LINEAGE}
    return {**source, **box_of(source), **known, **times, "short": "s", "medium": "m", "dense": "a texture"}
