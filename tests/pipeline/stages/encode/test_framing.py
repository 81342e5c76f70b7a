"""Framing: inside the image and clear of its bars, centred, of the bucket's aspect, as large as it can be.

python -m pytest tests/pipeline/stages/encode/test_framing.py
"""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.media.geometry import Geometry
from pipeline.stages.encode.framing import frame_sample
from schemas.bucket import Bucket

buckets = st.builds(lambda width, height: Bucket(16 * width, 16 * height, 1, 0), st.integers(1, 20), st.integers(1, 20))


@given(st.integers(16, 400), st.integers(16, 400), buckets)
def test_without_bars_the_crop_is_the_centre_and_of_the_buckets_aspect(width: int, height: int, bucket: Bucket) -> None:
    framing = frame_sample(Geometry(0, width, height), (0, 0, width, height), bucket)
    left, top, crop_width, crop_height = framing.crop
    assert left >= 0
    assert top >= 0
    assert abs((width - crop_width) - 2 * left) <= 1
    assert abs((height - crop_height) - 2 * top) <= 1
    assert width == crop_width or height == crop_height
    if min(crop_width, crop_height) > 1:
        assert abs(crop_width * bucket.height - crop_height * bucket.width) <= max(bucket.width, bucket.height)


@given(st.integers(64, 800), st.integers(64, 800), st.floats(0, 0.35), st.floats(0, 0.35), buckets)
@settings(max_examples=200)
@example(64, 325, 0.0, 0.029296875, Bucket(16, 208, 1, 0))  # rounded down, the window held a seventh of a bar's line
def test_the_window_lies_in_the_scaled_image_clear_of_the_bars(
    width: int, height: int, across: float, down: float, bucket: Bucket
) -> None:
    box = (int(width * across), int(height * down), width - 2 * int(width * across), height - 2 * int(height * down))
    framing = frame_sample(Geometry(0, width, height), box, bucket)
    left, top, window_width, window_height = framing.window
    assert (window_width, window_height) == (bucket.width, bucket.height)
    for start, length, first, size, of, scaled in (
        (left, window_width, box[0], box[2], width, framing.scaled[0]),
        (top, window_height, box[1], box[3], height, framing.scaled[1]),
    ):
        assert 0 <= start <= scaled - length
        slack = 0.5 if size < of and scaled < of else -1.0  # a rounded size may stand a pixel out where nothing mixes
        assert start >= first * scaled / of + slack - 0.51
        assert start + length <= (first + size) * scaled / of - slack + 0.51
    image = np.zeros((framing.scaled[1], framing.scaled[0], 3), np.uint8)
    assert framing.cut(image).shape == (bucket.height, bucket.width, 3)
    assert framing.crop[0] >= box[0]
    assert framing.crop[0] + framing.crop[2] <= box[0] + box[2]


def test_a_clip_of_just_the_buckets_size_is_not_enlarged_for_the_margin() -> None:
    framing = frame_sample(Geometry(0, 384, 320), (0, 32, 384, 256), Bucket(384, 256, 1, 0))
    assert (framing.scaled, framing.window, framing.crop) == ((384, 320), (0, 32, 384, 256), (0, 32, 384, 256))
