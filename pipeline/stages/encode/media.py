"""Makes the media of a sample: its frames, verified to be those that were captioned, in exactly its bucket's shape.

Frames are the ones nearest to `start + k / fps`, inside the clip (`sample_frames.py`), without letterbox bars, scaled
to cover the bucket and centre-cropped (`framing.py`), as BT.709 limited-range H.264; images as PNG.

    media = make_media(row, Bucket.parse("384x256x33@8"), crf=18, preset="medium")
"""

from collections.abc import Sequence
from dataclasses import dataclass

import av
import cv2
import numpy as np

from pipeline.media.encode import encode_h264, encode_png
from pipeline.media.geometry import Geometry
from pipeline.media.image_file import read_image
from pipeline.media.rgb import RgbConverter
from pipeline.media.signature import image_signature, matches_crop, signatures_differ
from pipeline.stage import Row
from pipeline.stages.encode.framing import Box, Framing, frame_sample
from pipeline.stages.encode.sample_frames import read_frames
from pipeline.storage.store import unchanged_source
from schemas.bucket import Bucket
from schemas.errors import MediaError

NOT_SHOWN = -1


@dataclass(frozen=True, slots=True)
class Media:
    """An encoded sample: its suffix and bytes, the number of source frames decoded, and the crop in source pixels.

    `shown_at` holds, for each of its stills, the index of the frame that matches it; -1 where motion is too fast.
    """

    suffix: str
    data: bytes
    decoded_frames: int
    crop: Box
    shown_at: list[int]


def image_box(row: Row) -> Box:
    """The picture inside the bars of a sample's source: left, top, width, height in displayed pixels."""
    return row["crop_left"], row["crop_top"], row["crop_width"], row["crop_height"]


def make_media(row: Row, bucket: Bucket, crf: int, preset: str) -> Media:
    """Decode and encode one sample. Raises `MediaError` if the source's frames are not those that were captioned."""
    geometry = Geometry(row["rotation"], row["width"], row["height"], row["mirrored"])
    framing = frame_sample(geometry, image_box(row), bucket)
    with unchanged_source(row):
        if bucket.is_image:
            return _make_image(row, framing)
        frames, decoded = read_frames(row, bucket, geometry, framing)
    data = encode_h264(frames, bucket.fps, crf, preset)
    return Media("mp4", data, decoded, framing.crop, _shown_at(row, bucket, frames, framing))


def _make_image(row: Row, framing: Framing) -> Media:
    image = read_image(row["uri"])
    if any(signatures_differ(still["signature"], image_signature(image)) for still in row["stills"]):
        raise MediaError("it is not the image that was captioned")
    method = cv2.INTER_AREA if framing.scaled[0] < image.shape[1] else cv2.INTER_CUBIC
    scaled = np.asarray(cv2.resize(image, framing.scaled, interpolation=method), np.uint8)
    return Media("png", encode_png(framing.cut(scaled)), 1, framing.crop, [0] * len(row["stills"]))


def _shown_at(row: Row, bucket: Bucket, frames: Sequence[av.VideoFrame], framing: Framing) -> list[int]:
    """For each still the index of the sample's frame that shows it, so that a shard can be verified by itself."""
    converter = RgbConverter(Geometry(0, bucket.width, bucket.height))
    indices: list[int] = []
    for still in row["stills"]:
        index = min(max(0, round((still["time"] - row["start_time"]) * bucket.fps)), len(frames) - 1)
        image = converter.rgb(frames[index], bucket.width, bucket.height)
        size = (row["width"], row["height"])
        # Half of the tolerance, so that changes by encoding cannot cause a complaint later.
        shown = matches_crop(still["signature"], image, framing.crop, size, share=0.5)
        indices.append(index if shown else NOT_SHOWN)
    return indices
