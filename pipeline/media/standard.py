"""Converts decoded frames to the format that ships: yuv420p, BT.709, limited range, upright, an exact size.

A detour through RGB costs as much as decoding, rounds every value twice and resamples chroma. Most video is already in
this format, so its planes are only scaled and cropped; the rest (other matrices, ranges and formats, rotated or HDR
frames, and windows that start on an odd pixel) goes through `RgbConverter`.

    frame = StandardFrames(geometry, scaled=(512, 288), window=(0, 16, 512, 256)).make(decoded)
"""

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from pipeline.media.encode import tag_bt709, to_bt709
from pipeline.media.geometry import Geometry
from pipeline.media.rgb import RgbConverter, is_hdr, plane_of, source_colors

Box = tuple[int, int, int, int]


class StandardFrames:
    """Converts frames of one source: scales to `scaled` (width, height), then crops to `window`.

    `window` is (left, top, width, height) in pixels of the scaled frame; its width and height are even.
    """

    def __init__(self, geometry: Geometry, scaled: tuple[int, int], window: Box) -> None:
        self._scaled, self._window = scaled, window
        self._as_coded = geometry.is_as_coded
        self._rgb = RgbConverter(geometry)
        self._scaler, self._converter = VideoReformatter(), VideoReformatter()

    def make(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A new, tagged yuv420p frame of the window's size; the decoded frame is not modified."""
        left, top, width, height = self._window
        if self._is_standard(frame):
            return self._cut(self._scale(frame))
        image = self._rgb.rgb(frame, *self._scaled)[top : top + height, left : left + width]
        return to_bt709(np.ascontiguousarray(image), self._converter)

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
