"""Direct conversion of decoded frames to the shipped format gives the same result as the detour through RGB.

python -m pytest tests/pipeline/media/test_standard.py
"""

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from pipeline.media.encode import to_bt709
from pipeline.media.geometry import Geometry
from pipeline.media.rgb import RgbConverter, plane_of
from pipeline.media.standard import Box, StandardFrames
from tests.films import Picture, texture, to_yuv

WIDTH, HEIGHT = 320, 240


def _picture() -> Picture:
    return np.asarray(cv2.GaussianBlur(texture(3, WIDTH, HEIGHT), (0, 0), 3), np.uint8)


def _decoded(matrix: Colorspace = Colorspace.ITU709, full: bool = False) -> av.VideoFrame:
    frame = to_yuv(_picture(), matrix, full)
    frame.colorspace, frame.color_range = matrix, ColorRange.JPEG if full else ColorRange.MPEG
    return frame


def _planes(frame: av.VideoFrame) -> list[np.ndarray]:
    return [plane_of(frame, number).astype(int) for number in range(3)]


@pytest.mark.parametrize("window", [(0, 0, 320, 240), (40, 20, 192, 128), (41, 20, 192, 128), (40, 21, 192, 128)])
@pytest.mark.parametrize("scaled", [(320, 240), (276, 206), (400, 300)])
def test_every_window_at_every_scale_is_what_rgb_gives(scaled: tuple[int, int], window: Box) -> None:
    left, top, width, height = window
    width, height = min(width, scaled[0] - left) // 2 * 2, min(height, scaled[1] - top) // 2 * 2
    geometry = Geometry(0, WIDTH, HEIGHT)
    result = StandardFrames(geometry, scaled, (left, top, width, height)).make(_decoded())
    image = RgbConverter(geometry).rgb(_decoded(), *scaled)[top : top + height, left : left + width]
    expected = to_bt709(np.ascontiguousarray(image), VideoReformatter())
    assert (result.format.name, result.width, result.height) == ("yuv420p", width, height)
    assert (result.color_range, result.colorspace, result.color_primaries, result.color_trc) == (1, 1, 1, 1)
    for first, other in zip(_planes(result), _planes(expected), strict=True):
        assert np.abs(first - other).mean() < 0.6
        assert abs((first - other).mean()) < 0.2


@pytest.mark.parametrize(("matrix", "full"), [(Colorspace.ITU601, False), (Colorspace.ITU709, True)])
def test_other_colours_become_standard(matrix: Colorspace, full: bool) -> None:
    geometry, whole = Geometry(0, WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT)
    result = StandardFrames(geometry, (WIDTH, HEIGHT), whole).make(_decoded(matrix, full))
    shown = RgbConverter(geometry).rgb(result, WIDTH, HEIGHT).astype(int)
    assert np.abs(shown - _picture()).mean() < 2


def test_a_turned_frame_comes_out_upright() -> None:
    result = StandardFrames(Geometry(90, HEIGHT, WIDTH), (HEIGHT, WIDTH), (0, 0, HEIGHT, WIDTH)).make(_decoded())
    shown = RgbConverter(Geometry(0, HEIGHT, WIDTH)).rgb(result, HEIGHT, WIDTH).astype(int)
    assert np.abs(shown - np.rot90(_picture(), -1)).mean() < 2


def test_a_frame_that_is_standard_already_keeps_its_planes_and_is_a_copy() -> None:
    decoded = _decoded()
    result = StandardFrames(Geometry(0, WIDTH, HEIGHT), (WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT)).make(decoded)
    assert all(np.array_equal(first, other) for first, other in zip(_planes(result), _planes(decoded), strict=True))
    result.pts = 7
    assert decoded.pts != 7
