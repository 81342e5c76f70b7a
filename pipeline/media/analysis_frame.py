"""The reduced frame that shot detectors and measures read: small luma, smaller RGB, full-size luma on request.

Converting every frame to RGB at full quality costs as much as decoding it. Detectors and measures need less: the
decoder's planes are halved (a mean of four pixels, the fastest reduction there is) until they are nearly small enough,
and only the small result is converted to full-range luma and RGB. Frames that are stored (stills, samples) go through
`RgbConverter` instead. `just bench look` measures the cost.

    frame = AnalysisFrameMaker(geometry, RgbConverter(geometry)).make(index, timed, end)
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from pipeline.media.decode import TimedFrame
from pipeline.media.geometry import Geometry
from pipeline.media.rgb import RgbConverter, is_hdr, plane_of, source_colors

Plane = NDArray[np.uint8]

LUMA_SHORT_SIDE = 108
# Formats whose first three planes are 8-bit Y, U and V; any other is converted to one of them first.
_PLANAR = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"}
# Red and blue shares of luma: BT.709, BT.2020, SMPTE 240M, FCC (ITU-T H.273, table 4); the rest counts as BT.601.
_SHARES = {
    Colorspace.ITU709: (0.2126, 0.0722),
    Colorspace.BT2020: (0.2627, 0.0593),
    Colorspace.SMPTE240M: (0.212, 0.087),
    Colorspace.FCC: (0.30, 0.11),
}
_BT601 = (0.299, 0.114)
_STRETCH = np.clip(np.round((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class AnalysisFrame:
    """A reduced frame of the decode pass, displayed from `time` to `end` (seconds).

    `luma` is uint8 [H, W], upright, full range, short side at most 108, aspect kept; `color` is uint8 RGB
    [H // 2, W // 2, 3]; `native()` returns the luma uint8 [H, W] at full size (coded pixels) and is called about twice
    per second of video.
    """

    index: int
    time: float
    end: float
    luma: Plane
    native: Callable[[], Plane]
    color: NDArray[np.uint8]


class AnalysisFrameMaker:
    """Makes the analysis frames of one source; its scalers are reused from frame to frame."""

    def __init__(self, geometry: Geometry, converter: RgbConverter) -> None:
        self._rgb = converter
        self._geometry = geometry
        width, height = geometry.fitted(LUMA_SHORT_SIDE)
        # Even sizes, so that the RGB image is exactly half.
        width, height = max(2, width // 2 * 2), max(2, height // 2 * 2)
        self._size = (height, width) if geometry.rotation % 180 else (width, height)
        self._converter = VideoReformatter()

    def make(self, index: int, timed: TimedFrame, end: float) -> AnalysisFrame:
        """The analysis frame of `timed`, frame number `index` of its video, displayed until `end` (seconds)."""
        frame, matrix, full = self._planar(timed.frame)
        planes = [plane_of(frame, number) for number in range(3)]
        width, height = self._size
        luma = _shrink(planes[0], width, height)
        small = [_shrink(plane, width // 2, height // 2) for plane in (luma, *planes[1:])]
        return AnalysisFrame(
            index=index,
            time=timed.time,
            end=end,
            luma=self._geometry.upright(luma if full else cv2.LUT(luma, _STRETCH)),
            native=lambda: self._geometry.upright(planes[0] if full else cv2.LUT(planes[0], _STRETCH)),
            color=self._geometry.upright(_to_rgb(small, matrix, full)),
        )

    def _planar(self, frame: av.VideoFrame) -> tuple[av.VideoFrame, Colorspace, bool]:
        """The frame as 8-bit planar YUV, its matrix, and whether its range is full.

        Only the layout is converted: swscale's fast path for changing YUV matrix or range darkens images.
        """
        frame = self._rgb.opaque(frame)
        if is_hdr(frame):
            return self._rgb.to_sdr(frame), Colorspace.ITU709, False
        matrix, full = source_colors(frame)
        if frame.format.name in _PLANAR:
            return frame, matrix, full
        if frame.format.is_rgb:
            matrix, full = Colorspace.ITU709, False
        extent = ColorRange.JPEG if full else ColorRange.MPEG
        planar = self._converter.reformat(
            frame,
            format="yuv420p",
            src_colorspace=matrix,
            src_color_range=ColorRange.JPEG if frame.format.is_rgb else extent,
            dst_colorspace=matrix,
            dst_color_range=extent,
            # Without these flags grey becomes one level off neutral.
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
        )
        return planar, matrix, full


def analyse_image(image: NDArray[np.uint8]) -> AnalysisFrame:
    """The analysis frame of an image file, uint8 RGB [H, W, 3], as if it were a video's only frame."""
    native = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    width, height = Geometry(0, image.shape[1], image.shape[0]).fitted(LUMA_SHORT_SIDE)
    half = max(1, width // 2), max(1, height // 2)
    return AnalysisFrame(
        index=0,
        time=0.0,
        end=0.0,
        luma=np.asarray(cv2.resize(native, (width, height), interpolation=cv2.INTER_AREA), np.uint8),
        native=lambda: native,
        color=np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8),
    )


def _shrink(plane: Plane, width: int, height: int) -> Plane:
    """Resize to exactly this size: halve while the result stays large enough, then interpolate the rest."""
    while plane.shape[1] >= 2 * width and plane.shape[0] >= 2 * height:
        rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
        halved = cv2.resize(plane[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
        plane = np.asarray(halved, np.uint8)
    if plane.shape == (height, width):
        return plane
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _to_rgb(planes: list[Plane], matrix: Colorspace, full: bool) -> NDArray[np.uint8]:
    return np.asarray(cv2.transform(cv2.merge(planes), _rgb_matrix(matrix, full)), np.uint8)


@cache
def _rgb_matrix(matrix: Colorspace, full: bool) -> NDArray[np.float64]:
    """[3, 4] float64: R, G and B from Y, Cb, Cr and 1 (ITU-R BT.709-6, section 3, solved for R, G and B)."""
    red, blue = _SHARES.get(matrix, _BT601)
    green = 1 - red - blue
    luma, chroma, black = (1.0, 255 / 127, 0) if full else (255 / 219, 255 / 112, 16)
    rows = np.array(
        [
            [luma, 0.0, chroma * (1 - red)],
            [luma, -chroma * (1 - blue) * blue / green, -chroma * (1 - red) * red / green],
            [luma, chroma * (1 - blue), 0.0],
        ]
    )
    offsets = -rows @ np.array([black, 128.0, 128.0])
    return np.hstack([rows, offsets[:, None]])
