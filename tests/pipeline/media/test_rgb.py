"""RGB conversion restores the images that frames were made from: range, matrix, rotation, crop.

python -m pytest tests/pipeline/media/test_rgb.py
"""

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.geometry import Geometry
from pipeline.media.rgb import RgbConverter, cover
from tests.films import Picture, texture, to_yuv

BARS = ((255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255), (0, 0, 0),
        (128, 128, 128), (200, 120, 40))  # fmt: skip
WIDTH, HEIGHT = 160, 64


def _bars() -> Picture:
    return np.repeat(np.repeat(np.array([BARS], np.uint8), HEIGHT, 0), WIDTH // len(BARS), 1)


def _shown(frame: av.VideoFrame, rotation: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Picture:
    return RgbConverter(Geometry(rotation, *size)).rgb(frame, *size)


def _largest_difference(result: Picture, expected: Picture) -> int:
    """At the centres of the bars: chroma is subsampled and bleeds where two bars meet."""
    step = WIDTH // len(BARS)
    middles = slice(step // 2, None, step)
    return int(np.abs(result[HEIGHT // 2, middles].astype(int) - expected[HEIGHT // 2, middles]).max())


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709, Colorspace.BT2020])
def test_tagged_colours_come_out_as_they_were(matrix: Colorspace, full: bool) -> None:
    frame = to_yuv(_bars(), matrix, full)
    frame.colorspace = matrix
    frame.color_range = ColorRange.JPEG if full else ColorRange.MPEG
    assert _largest_difference(_shown(frame), _bars()) <= 3


@pytest.mark.parametrize(("height", "matrix"), [(64, Colorspace.ITU601), (720, Colorspace.ITU709)])
def test_untagged_matrix_follows_the_number_of_lines(height: int, matrix: Colorspace) -> None:
    tall = cv2.resize(_bars(), (WIDTH, height), interpolation=cv2.INTER_NEAREST)
    frame = to_yuv(np.asarray(tall, np.uint8), matrix)
    frame.colorspace = 2  # unspecified, which the enumeration lacks
    shown = _shown(frame, size=(WIDTH, height))
    assert _largest_difference(shown, np.asarray(tall, np.uint8)) <= 3


def test_full_range_pixel_formats_are_full_range_without_a_tag() -> None:
    frame = to_yuv(_bars(), Colorspace.ITU601, full=True, pixel_format="yuvj420p")
    frame.color_range = ColorRange.UNSPECIFIED
    assert _largest_difference(_shown(frame), _bars()) <= 3


@pytest.mark.parametrize("size", [(192, 128), (96, 64), (100, 70), (250, 166)])
def test_images_are_neither_darkened_nor_lightened_at_any_size(size: tuple[int, int]) -> None:
    image = cv2.GaussianBlur(texture(1, 192, 128), (0, 0), 4).astype(np.uint8)
    frame = to_yuv(image)
    frame.colorspace, frame.color_range = Colorspace.ITU709, ColorRange.MPEG
    shown = RgbConverter(Geometry(0, 192, 128)).rgb(frame, *size)
    errors = shown.astype(int) - cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    assert np.abs(errors.mean(axis=(0, 1))).max() < 0.5


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turned_frames_come_out_upright(turn: int) -> None:
    upright = cv2.GaussianBlur(texture(5, 96, 64), (0, 0), 3).astype(np.uint8)
    stored = np.ascontiguousarray(np.rot90(upright, turn // 90))  # players rotate it clockwise
    frame = av.VideoFrame.from_ndarray(stored, format="rgb24")
    assert np.abs(_shown(frame, turn, (96, 64)).astype(int) - upright).max() <= 3


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(16, 720))
def test_fitted_size_keeps_the_aspect_and_never_enlarges(width: int, height: int, short_side: int) -> None:
    size = Geometry(0, width, height).fitted(short_side)
    assert min(size) <= max(short_side, 1)
    assert size[0] <= width
    assert size[1] <= height
    scale = min(1.0, short_side / min(width, height))
    assert abs(size[0] - width * scale) <= 1
    assert abs(size[1] - height * scale) <= 1


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 60), st.integers(1, 60))
def test_cover_gives_exactly_the_wanted_size(width: int, height: int, wanted_width: int, wanted_height: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    assert cover(image, wanted_width, wanted_height).shape == (wanted_height, wanted_width, 3)


def test_cover_keeps_the_centre() -> None:
    image = texture(2, 90, 40)
    assert np.array_equal(cover(image, 40, 40), image[:, 25:65])
