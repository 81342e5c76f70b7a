"""Encoding: exact frames, size and tags, and the same bytes every time.

python -m pytest tests/pipeline/media/test_encode.py
"""

import io
from typing import Any, cast

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from PIL import Image

from pipeline.media.encode import encode_h264, encode_jpeg, encode_png, to_bt709
from pipeline.media.geometry import Geometry
from pipeline.media.rgb import RgbConverter
from tests.films import Picture, shots, texture


def _encoded(images: list[Picture], fps: float, crf: int, preset: str) -> bytes:
    reformatter = VideoReformatter()
    return encode_h264((to_bt709(image, reformatter) for image in images), fps, crf, preset)


def _decoded(data: bytes) -> list[av.VideoFrame]:
    with cast(Any, av.open(io.BytesIO(data))) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize(("count", "fps"), [(17, 8.0), (9, 23.976), (1, 30.0)])
def test_video_has_exactly_the_frames_the_size_and_the_rate(count: int, fps: float) -> None:
    frames = _decoded(_encoded(shots([count], (96, 64)), fps, 18, "veryfast"))
    assert [(frame.width, frame.height) for frame in frames] == [(96, 64)] * count
    assert [frame.time for frame in frames] == pytest.approx([index / fps for index in range(count)], abs=1e-4)


def test_video_is_tagged_bt709_limited_range_and_says_so_to_strangers() -> None:
    frame = _decoded(_encoded(shots([9], (96, 64)), 8, 18, "veryfast"))[0]
    assert (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1, 1, 1)
    assert frame.format.name == "yuv420p"


def test_video_shows_the_images_it_was_given() -> None:
    images = [cv2.GaussianBlur(image, (0, 0), 4).astype(np.uint8) for image in shots([9], (96, 64))]
    frames = _decoded(_encoded(images, 8, 10, "veryfast"))
    converter = RgbConverter(Geometry(0, 96, 64))
    errors = [converter.rgb(frame, 96, 64).astype(int) - image for frame, image in zip(frames, images, strict=True)]
    assert np.abs(errors).mean() < 1.5
    assert np.abs(np.mean(errors, axis=(0, 1, 2))).max() < 0.5  # neither darker nor lighter, in any colour


def test_the_index_of_a_video_stands_before_its_frames() -> None:
    data = _encoded(shots([17], (96, 64)), 8, 18, "veryfast")
    kinds, at = [], 0
    while at < len(data):
        kinds.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    assert kinds[:2] == [b"ftyp", b"moov"]
    assert b"mdat" in kinds
    assert at == len(data)


def test_equal_images_give_equal_bytes() -> None:
    # An encoder that reads stale memory differs only occasionally: repeat, and dirty the memory in between.
    images: list[Picture] = shots([10, 10], (256, 160))
    contents = set()
    for attempt in range(6):
        litter = [np.full(size, attempt, np.uint8) for size in (100_000 * attempt + 7, 3_000 * attempt + 1)]
        contents.add(_encoded(images, 8, 18, "medium"))
        del litter
    assert len(contents) == 1


def test_images_survive_png_exactly_and_jpeg_nearly() -> None:
    image = texture(4, 96, 64)
    for data, tolerance in ((encode_png(image), 0.0), (encode_jpeg(image), 8.0)):
        with Image.open(io.BytesIO(data)) as opened:
            result = np.asarray(opened.convert("RGB"))
        assert np.abs(result.astype(int) - image).mean() <= tolerance
