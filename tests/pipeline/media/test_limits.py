"""Limits of one object: at the limit it passes, above it is refused with the limit's name."""

import pytest

from pipeline.media.limits import MAX_PIXELS, check_pixels
from schemas.errors import MediaError
from schemas.limits import Limits


def test_a_picture_at_the_limit_passes_and_one_row_more_does_not() -> None:
    check_pixels(8192, MAX_PIXELS // 8192)
    with pytest.raises(MediaError, match=r"8192x8193 pixels are 67 million, more than limits\.pixels = 67108864"):
        check_pixels(8192, MAX_PIXELS // 8192 + 1)


def test_the_limit_is_a_setting() -> None:
    check_pixels(100, 100, Limits(pixels=10_000))
    with pytest.raises(MediaError, match=r"limits\.pixels = 9999"):
        check_pixels(100, 100, Limits(pixels=9_999))
