"""Colours of frames against FFmpeg's own conversion: every named matrix, range, depth, layout and transfer.

python -m pytest tests/pipeline/media/test_colours.py
"""

from fractions import Fraction
from typing import Any, cast

import av
import av.filter
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

from pipeline.media.analysis_frame import AnalysisFrameMaker
from pipeline.media.decode import TimedFrame
from pipeline.media.geometry import Geometry
from pipeline.media.rgb import RgbConverter, check_matrix
from pipeline.media.standard import StandardFrames
from schemas.errors import MediaError
from tests.films import texture

WIDTH, HEIGHT = 192, 128
GEOMETRY = Geometry(0, WIDTH, HEIGHT, mirrored=False)
# Smooth, so that the comparison does not measure the loss by chroma subsampling.
PICTURE = np.asarray(cv2.GaussianBlur(texture(3, WIDTH, HEIGHT), (0, 0), 3), np.uint8)
GREY = np.asarray(cv2.cvtColor(PICTURE, cv2.COLOR_RGB2GRAY), np.uint8)
MATRICES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
YUV = [
    "yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "nv12", "uyvy422", "yuyv422",
    "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le", "yuv444p12le", "p010le", "yuvj420p", "yuvj444p",
]  # fmt: skip
RGB = ["rgb24", "bgr24", "rgba", "bgra", "rgb0", "gbrp", "gbrp10le", "gbrp12le", "rgb48le"]
FLAGS = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"


def _filtered(frame: av.VideoFrame, options: str, pixel_format: str) -> av.VideoFrame:
    """The frame through FFmpeg's own filters."""
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    graph = av.filter.Graph()
    chain = [
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base),
        graph.add("scale", f"{options}:{FLAGS}"),
        graph.add("format", pixel_format),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*chain).configure()
    graph.push(frame)
    return graph.vpull()


def _extent(full: bool) -> str:
    return "full" if full else "limited"


def _frame(matrix: int, full: bool, pixel_format: str) -> av.VideoFrame:
    """The image in this matrix, range and format, tagged so."""
    options = f"in_range=full:out_color_matrix={MATRICES[matrix]}:out_range={_extent(full)}"
    frame = _filtered(av.VideoFrame.from_ndarray(PICTURE, format="rgb24"), options, pixel_format)
    tagged = cast(Any, frame)
    tagged.colorspace, tagged.color_range = matrix, 2 if full else 1
    return frame


def _by_ffmpeg(frame: av.VideoFrame, matrix: int, full: bool) -> NDArray[np.float64]:
    options = f"in_color_matrix={MATRICES[matrix]}:in_range={_extent(full)}:out_range=full"
    return _filtered(frame, options, "gbrp").to_ndarray(format="rgb24").astype(float)


def _half(image: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float64]:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), float)


def _look(frame: av.VideoFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    seen = AnalysisFrameMaker(GEOMETRY, RgbConverter(GEOMETRY)).make(0, TimedFrame(0.0, frame, 1.0), 1.0)
    return seen.color.astype(float), seen.luma.astype(float)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", list(MATRICES))
@pytest.mark.parametrize("pixel_format", YUV)
def test_every_yuv_frame_is_converted_as_ffmpeg_does(pixel_format: str, matrix: int, full: bool) -> None:
    frame = _frame(matrix, full, pixel_format)
    right = _by_ffmpeg(frame, matrix, full or pixel_format.startswith("yuvj"))
    assert np.abs(RgbConverter(GEOMETRY).rgb(frame, WIDTH, HEIGHT) - right).max() <= 1
    assert np.abs(right - PICTURE).mean() < 1  # the reference is correct, too
    colour, luma = _look(frame)
    small = _half(right, colour.shape[1::-1])
    assert np.abs(colour - small).mean() < 1.2
    assert abs((colour - small).mean()) < 0.5
    shares = {1: (0.2126, 0.0722), 4: (0.3, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
    red, blue = shares.get(matrix, (0.299, 0.114))
    expected = _half(right @ [red, 1 - red - blue, blue], luma.shape[::-1])
    assert np.abs(luma - expected).mean() < 1.5


@pytest.mark.parametrize("tag", [0, 2])
@pytest.mark.parametrize("pixel_format", RGB)
def test_rgb_frames_stay_as_they_are(pixel_format: str, tag: int) -> None:
    frame = av.VideoFrame.from_ndarray(PICTURE, format="rgb24").reformat(format=pixel_format)
    cast(Any, frame).colorspace = tag
    assert np.abs(RgbConverter(GEOMETRY).rgb(frame, WIDTH, HEIGHT) - PICTURE.astype(int)).max() <= 1
    colour, _ = _look(frame)
    assert np.abs(colour - _half(PICTURE, colour.shape[1::-1])).mean() < 1


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixel_format", ["gray", "gray10le", "gray12le"])
def test_grey_frames_are_grey_of_full_range(pixel_format: str, full: bool) -> None:
    frame = _frame(1, full, pixel_format)
    right = _by_ffmpeg(frame, 1, full)
    assert np.abs(RgbConverter(GEOMETRY).rgb(frame, WIDTH, HEIGHT) - right).max() <= 1
    colour, luma = _look(frame)
    assert np.abs(colour - _half(right, colour.shape[1::-1])).mean() < 1.2
    assert np.abs(luma - _half(right[..., 0], luma.shape[::-1])).mean() < 1.2


@pytest.mark.parametrize("transfer", [ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67])
@pytest.mark.parametrize("pixel_format", ["yuv420p10le"])  # FFmpeg takes seconds to prepare a mapping
def test_hdr_frames_are_tone_mapped_as_ffmpeg_does(pixel_format: str, transfer: ColorTrc) -> None:
    frame = _frame(9, False, pixel_format)
    tagged = cast(Any, frame)
    tagged.color_trc, tagged.color_primaries = transfer, ColorPrimaries.BT2020
    options = "out_color_matrix=bt709:out_range=limited:out_primaries=bt709:out_transfer=bt709"
    right = _by_ffmpeg(_filtered(frame, options, "yuv420p"), 1, False)
    result = RgbConverter(GEOMETRY).rgb(frame, WIDTH, HEIGHT)
    assert np.abs(result - right).mean() < 2.5  # of 8 bits with halved chroma on the way, without a bias:
    assert np.abs((result - right).mean(axis=(0, 1))).max() < 0.5
    assert np.abs(result - PICTURE.astype(int)).mean() > 10  # tone mapping did change it


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le", "nv12"])
@pytest.mark.parametrize(("matrix", "full"), [(1, False), (1, True), (6, False), (9, True)])
def test_what_ships_shows_the_colours_of_the_source(matrix: int, full: bool, pixel_format: str) -> None:
    frame = _frame(matrix, full, pixel_format)
    shipped = StandardFrames(GEOMETRY, (WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT)).make(frame)
    assert (shipped.format.name, int(shipped.colorspace), int(shipped.color_range)) == ("yuv420p", 1, 1)
    assert np.abs(_by_ffmpeg(shipped, 1, False) - PICTURE).mean() < 1.2


@pytest.mark.parametrize("pixel_format", ["rgba", "yuva420p", "yuva444p10le", "gbrap"])
def test_what_alpha_hides_in_a_video_is_white(pixel_format: str) -> None:
    alpha = np.where(np.arange(WIDTH) < WIDTH // 2, 0, 255).astype(np.uint8) * np.ones((HEIGHT, 1), np.uint8)
    frame = av.VideoFrame.from_ndarray(np.dstack([PICTURE, alpha]), format="rgba").reformat(format=pixel_format)
    shown = RgbConverter(GEOMETRY).rgb(frame, WIDTH, HEIGHT)
    assert (shown[:, : WIDTH // 2 - 2] == 255).all()
    assert np.abs(shown[:, WIDTH // 2 + 2 :] - PICTURE[:, WIDTH // 2 + 2 :].astype(int)).mean() < 1.5
    colour, luma = _look(frame)
    assert colour[:, : colour.shape[1] // 2 - 2].min() > 250
    assert luma[:, : luma.shape[1] // 2 - 2].min() > 250


@pytest.mark.parametrize(("matrix", "name"), [(8, "YCgCo"), (14, "ICtCp"), (11, "SMPTE ST 2085")])
def test_a_matrix_that_ffmpeg_does_not_convert_is_refused(matrix: int, name: str) -> None:
    frame = _frame(1, False, "yuv444p")
    check_matrix(frame)
    cast(Any, frame).colorspace = matrix
    with pytest.raises(MediaError, match=rf"colours in {name}, which FFmpeg does not convert"):
        check_matrix(frame)
