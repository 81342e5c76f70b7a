"""Converts decoded frames to RGB as displayed: upright, square pixels, full range.

Untagged matrices follow the convention of every player: BT.709 from 720 lines on, BT.601 below. PQ and HLG frames are
tone-mapped to BT.709 by swscale (FFmpeg >= 7.1), which is the only place where transfer curves are converted: between
the SDR curves the difference is below what H.264 at crf 18 loses.

    image = RgbConverter(geometry).rgb(frame, width, height)
"""

from typing import Any, cast

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from numpy.typing import NDArray

from pipeline.media.geometry import Geometry
from schemas.errors import MediaError

_HDR_TRANSFERS = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)
# Colour spaces that swscale converts by matrix (ITU-T H.273, table 4), and those that it would mistake for others.
_MATRICES = {1: Colorspace.ITU709, 4: Colorspace.FCC, 5: Colorspace.ITU601, 6: Colorspace.SMPTE170M,
             7: Colorspace.SMPTE240M, 9: Colorspace.BT2020, 10: Colorspace.BT2020}  # fmt: skip
_NOT_CONVERTED = {8: "YCgCo", 11: "SMPTE ST 2085", 14: "ICtCp", 15: "IPT-C2", 16: "YCgCo-Re", 17: "YCgCo-Ro"}
# FFmpeg treats these as full range, whatever their tag says.
_FULL_RANGE_FORMATS = ("yuvj", "gray", "ya8", "ya16")
# The background of videos with an alpha channel: white, as for images (`pipeline.media.srgb`).
_GROUND = 255
_STRIP_LINES = 64


class RgbConverter:
    """Converts frames of one source to RGB. Keeps one scaler per size, so use one converter per source."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self._scalers: dict[tuple[int, int], VideoReformatter] = {}
        self._tone_mapper, self._flattener = VideoReformatter(), VideoReformatter()

    def rgb(self, frame: av.VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
        """The frame as uint8 RGB [height, width, 3], upright, scaled to exactly this size (aspect not kept)."""
        turned = self.geometry.rotation % 180 != 0
        coded = (height, width) if turned else (width, height)
        scaler = self._scalers.setdefault(coded, VideoReformatter())
        frame = self.opaque(frame)
        if is_hdr(frame):
            frame = self.to_sdr(frame)
        matrix, full = source_colors(frame)
        shrinks = coded[0] < frame.width
        image = scaler.reformat(
            frame,
            width=coded[0],
            height=coded[1],
            # Planar: swscale writes the same values as for rgb24, in a third of the time.
            format="gbrp",
            src_colorspace=matrix,
            src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            # Without full-width chroma swscale takes a fast path to RGB that darkens images by two levels.
            interpolation=(Interpolation.AREA if shrinks else Interpolation.BICUBIC)
            | Interpolation.FULL_CHR_H_INT
            | Interpolation.ACCURATE_RND
            | Interpolation.BITEXACT,
        )
        green, blue, red = (plane_of(image, number) for number in range(3))
        return self.geometry.upright(cv2.merge([red, green, blue]))

    def opaque(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A frame with an alpha channel blended onto white, as rgb24; any other frame unchanged."""
        if not has_alpha(frame):
            return frame
        matrix, full = source_colors(frame)
        layers = self._flattener.reformat(
            frame,
            format="rgba",
            src_colorspace=matrix,
            src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND,
        )
        blended = np.empty((frame.height, frame.width, 3), np.uint8)
        rows = np.frombuffer(cast(Any, layers.planes[0]), np.uint8).reshape(frame.height, -1)[:, : 4 * frame.width]
        for top in range(0, frame.height, _STRIP_LINES):  # in strips: 16-bit copies of a whole frame take much memory
            strip = rows[top : top + _STRIP_LINES].reshape(-1, frame.width, 4)
            share = strip[..., 3:].astype(np.uint16)
            blended[top : top + _STRIP_LINES] = (strip[..., :3] * share + _GROUND * (255 - share) + 127) // 255
        return av.VideoFrame.from_ndarray(blended, format="rgb24")

    def to_sdr(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A PQ or HLG frame tone-mapped to 8-bit yuv420p, BT.709, limited range, at its own size."""
        return self._tone_mapper.reformat(
            frame,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            dst_color_trc=ColorTrc.BT709,
            dst_color_primaries=ColorPrimaries.BT709,
        )


def plane_of(frame: av.VideoFrame, number: int) -> NDArray[np.uint8]:
    """An 8-bit plane of a frame, uint8 [H, W] of that plane, without a copy."""
    plane: Any = frame.planes[number]
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def is_hdr(frame: av.VideoFrame) -> bool:
    """Whether the frame is tagged as PQ or HLG."""
    return frame.color_trc in _HDR_TRANSFERS


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether its format has an alpha channel."""
    return any(component.is_alpha for component in frame.format.components)


def check_matrix(frame: av.VideoFrame) -> None:
    """Raise `MediaError` for a colour matrix that swscale would mistake for another."""
    name = _NOT_CONVERTED.get(int(frame.colorspace))
    if name is not None and not frame.format.is_rgb:
        raise MediaError(f"colours in {name}, which FFmpeg does not convert: encode it with the BT.709 matrix")


def source_colors(frame: av.VideoFrame) -> tuple[Colorspace, bool]:
    """The colour matrix, and whether the range is full, with the usual defaults for untagged frames."""
    tagged = _MATRICES.get(int(frame.colorspace))
    matrix = tagged or (Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601)
    return matrix, frame.color_range == ColorRange.JPEG or frame.format.name.startswith(_FULL_RANGE_FORMATS)


def cover(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Scale a uint8 RGB image [H, W, 3] until it covers width x height, and crop the centre: [height, width, 3]."""
    scale = max(width / image.shape[1], height / image.shape[0])
    size = (max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = image if size == image.shape[1::-1] else cv2.resize(image, size, interpolation=method)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width], dtype=np.uint8)
