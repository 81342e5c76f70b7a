"""A frame as the decode pass looks at it: a small luma picture, a smaller one in colour, and the full luma at hand.

Converting every frame to RGB at full quality costs as much as decoding it. Looking needs less: the decoder's planes are
halved (a mean of four pixels, the fastest reduction there is) until they are nearly small enough, and only the small
result becomes full-range luma and RGB. What is kept as a picture (stills, samples) goes through `PictureMaker`.

    just bench look
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
from pipeline.media.picture import PictureMaker, is_hdr, plane_of, source_colors

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
class LookFrame:
    """A frame of the decode pass, on screen from `time` to `end` (seconds).

    `luma` is uint8 [height, width], upright, full range, short side at most 108, aspect kept; `color` is RGB at half
    its size; `native` gives the luma at full size (coded pixels) and is asked for about twice per second of film.
    """

    index: int
    time: float
    end: float
    luma: Plane
    native: Callable[[], Plane]
    color: NDArray[np.uint8]


class LookMaker:
    """Makes look frames of one source."""

    def __init__(self, geometry: Geometry, pictures: PictureMaker) -> None:
        self._pictures = pictures
        self._geometry = geometry
        width, height = geometry.fitted(LUMA_SHORT_SIDE)
        # Even sizes, so that the colour picture is exactly half.
        width, height = max(2, width // 2 * 2), max(2, height // 2 * 2)
        self._size = (height, width) if geometry.rotation % 180 else (width, height)
        self._converter = VideoReformatter()

    def look(self, index: int, timed: TimedFrame, end: float) -> LookFrame:
        """The frame `index`, on screen until `end`."""
        frame, matrix, full = self._planar(timed.frame)
        planes = [plane_of(frame, number) for number in range(3)]
        width, height = self._size
        luma = _shrink(planes[0], width, height)
        small = [_shrink(plane, width // 2, height // 2) for plane in (luma, *planes[1:])]
        return LookFrame(
            index=index,
            time=timed.time,
            end=end,
            luma=self._geometry.upright(luma if full else cv2.LUT(luma, _STRETCH)),
            native=lambda: self._geometry.upright(planes[0] if full else cv2.LUT(planes[0], _STRETCH)),
            color=self._geometry.upright(_to_rgb(small, matrix, full)),
        )

    def _planar(self, frame: av.VideoFrame) -> tuple[av.VideoFrame, Colorspace, bool]:
        """The frame as 8-bit planar YUV, its matrix, and whether its range is full.

        Only the layout is converted: swscale changes matrices and ranges of YUV by a short cut that darkens pictures.
        """
        frame = self._pictures.opaque(frame)
        if is_hdr(frame):
            return self._pictures.to_sdr(frame), Colorspace.ITU709, False
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
            # Without these grey gets a tint of a level.
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
        )
        return planar, matrix, full


def look_at_picture(picture: NDArray[np.uint8]) -> LookFrame:
    """A picture file, RGB [height, width, 3], as a film's only frame."""
    native = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    width, height = Geometry(0, picture.shape[1], picture.shape[0]).fitted(LUMA_SHORT_SIDE)
    half = max(1, width // 2), max(1, height // 2)
    return LookFrame(
        index=0,
        time=0.0,
        end=0.0,
        luma=np.asarray(cv2.resize(native, (width, height), interpolation=cv2.INTER_AREA), np.uint8),
        native=lambda: native,
        color=np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), np.uint8),
    )


def _shrink(plane: Plane, width: int, height: int) -> Plane:
    """Reduce to exactly this size: by halves while that leaves enough, the rest (less than half) by interpolation."""
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
    """Rows give R, G and B from Y, Cb, Cr and 1 (ITU-R BT.709-6, section 3, solved for R, G and B)."""
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
