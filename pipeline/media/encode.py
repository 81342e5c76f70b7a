"""Encodes what ships and what is looked at: H.264 of an exact shape, lossless PNG, JPEG stills.

Equal input gives equal bytes: one encoder thread, no time stamps, no encoder banner that names the machine.
"""

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from numpy.typing import NDArray

JPEG_QUALITY = 92


def encode_h264(frames: Sequence[NDArray[np.uint8]], fps: float, crf: int, preset: str) -> bytes:
    """An MP4 of RGB frames [height, width, 3] at a constant rate: yuv420p, BT.709, limited range, tagged as such."""
    height, width = frames[0].shape[:2]
    buffer = io.BytesIO()
    reformatter = VideoReformatter()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.options = {"crf": str(crf), "preset": preset, "threads": "1", "flags": "+bitexact"}
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU709
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        for index, picture in enumerate(frames):
            frame = reformatter.reformat(
                av.VideoFrame.from_ndarray(picture, format="rgb24"),
                format="yuv420p",
                src_color_range=ColorRange.JPEG,
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
            )
            frame.pts = index
            frame.time_base = Fraction(1) / Fraction(fps).limit_denominator(1001)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """A lossless PNG of an RGB picture [height, width, 3]."""
    return _encode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 6])


def encode_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """A JPEG of an RGB picture [height, width, 3]."""
    return _encode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def _encode(suffix: str, picture: NDArray[np.uint8], options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    assert done, f"OpenCV could not encode a {picture.shape} picture as {suffix}"
    return data.tobytes()
