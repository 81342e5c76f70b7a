"""Decoded frames as what ships: yuv420p, BT.709, limited range, upright, scaled and cut to an exact size.

A way through RGB costs as much as decoding, rounds every value twice and resamples the colours. Most footage is stored
as what ships already, so its planes are only scaled and cut; the rest (other matrices, ranges and formats, turned or
HDR pictures, and windows that start on an odd pixel) goes through `PictureMaker`.
"""

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from pipeline.media.encode import tag_bt709, to_bt709
from pipeline.media.geometry import Geometry
from pipeline.media.picture import PictureMaker, is_hdr, plane_of, source_colors

Box = tuple[int, int, int, int]


class StandardFrames:
    """Makes frames of one source, `scaled` (width, height) whole and then cut to `window` (left, top, width, height).

    The window's width and height are even.
    """

    def __init__(self, geometry: Geometry, scaled: tuple[int, int], window: Box) -> None:
        self._scaled, self._window = scaled, window
        self._as_coded = geometry.is_as_coded
        self._pictures = PictureMaker(geometry)
        self._scaler, self._converter = VideoReformatter(), VideoReformatter()

    def make(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A new frame of the window's size, tagged; the decoded one stays as it is."""
        left, top, width, height = self._window
        if self._is_standard(frame):
            return self._cut(self._scale(frame))
        picture = self._pictures.rgb(frame, *self._scaled)[top : top + height, left : left + width]
        return to_bt709(np.ascontiguousarray(picture), self._converter)

    def _is_standard(self, frame: av.VideoFrame) -> bool:
        even = self._window[0] % 2 == 0 and self._window[1] % 2 == 0
        stored = frame.format.name == "yuv420p" and source_colors(frame) == (Colorspace.ITU709, False)
        return even and stored and self._as_coded and not is_hdr(frame)

    def _scale(self, frame: av.VideoFrame) -> av.VideoFrame:
        width, height = self._scaled
        if (frame.width, frame.height) == self._scaled:
            return frame
        method = Interpolation.AREA if width < frame.width else Interpolation.BICUBIC
        return self._scaler.reformat(
            frame,
            width=width,
            height=height,
            format="yuv420p",
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=method | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
            threads=1,
        )

    def _cut(self, frame: av.VideoFrame) -> av.VideoFrame:
        left, top, width, height = self._window
        parts = []
        for number, half in enumerate((1, 2, 2)):
            rows, columns = (
                slice(start // half, (start + size) // half) for start, size in ((top, height), (left, width))
            )
            parts.append(plane_of(frame, number)[rows, columns].ravel())
        planes = np.concatenate(parts).reshape(height * 3 // 2, width)
        return tag_bt709(av.VideoFrame.from_ndarray(planes, format="yuv420p"))
