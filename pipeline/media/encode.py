"""Encodes what ships and what is looked at: H.264 of an exact shape, lossless PNG, JPEG stills.

Equal input gives equal bytes: one encoder thread, no time stamps, and none of x264's AVX-512 routines, which give other
bytes from run to run even with one thread.
"""

import io
from collections.abc import Sequence
from fractions import Fraction
from platform import machine
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from numpy.typing import NDArray

JPEG_QUALITY = 92
# Keeps the muxer's version and Matroska's random segment id out of the file.
REPRODUCIBLE_MUXER = {"fflags": "+bitexact"}
# SSE4.2 gives the same bytes as AVX2, and every x86-64 machine of this decade and the last has it.
REPRODUCIBLE_X264 = (
    {"x264-params": "asm=MMX2,SSE,SSE2,SSSE3,SSE4.2"} if machine().lower() in ("x86_64", "amd64") else {}
)


def encode_h264(frames: Sequence[NDArray[np.uint8]], fps: float, crf: int, preset: str) -> bytes:
    """An MP4 of RGB frames [height, width, 3] at a constant rate: yuv420p, BT.709, limited range, tagged as such."""
    height, width = frames[0].shape[:2]
    rate = Fraction(fps).limit_denominator(1001)
    buffer = io.BytesIO()
    reformatter = VideoReformatter()
    with av.open(buffer, "w", format="mp4", options=REPRODUCIBLE_MUXER) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf), "preset": preset, **REPRODUCIBLE_X264}
        prepare_encoder(stream.codec_context)
        for index, picture in enumerate(frames):
            frame = to_bt709(picture, reformatter)
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def prepare_encoder(context: Any) -> None:
    """Hold an encoder to one thread and tag its stream as BT.709, limited range."""
    context.thread_count = 1
    context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709


def to_bt709(picture: NDArray[np.uint8], reformatter: VideoReformatter) -> av.VideoFrame:
    """An RGB picture [height, width, 3] as a tagged yuv420p frame, BT.709, limited range."""
    frame = reformatter.reformat(
        av.VideoFrame.from_ndarray(picture, format="rgb24"),
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
        threads=1,
    )
    frame.color_range, frame.colorspace = ColorRange.MPEG, Colorspace.ITU709
    frame.color_primaries, frame.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return frame


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
