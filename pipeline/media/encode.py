"""Encodes samples and stills: H.264 of an exact shape, lossless PNG, JPEG.

Equal input gives equal bytes: one encoder thread, no creation times, and none of x264's AVX-512 routines, which give
different bytes from run to run even with one thread. Decoded video frames go to the encoder unconverted.

    data = encode_h264(frames, fps=8, crf=18, preset="medium")
"""

import io
from collections.abc import Iterable
from fractions import Fraction
from platform import machine
from typing import Any, cast

import av
import cv2
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from numpy.typing import NDArray

JPEG_QUALITY = 92
# Keeps the muxer's version and Matroska's random segment id out of the file.
REPRODUCIBLE_MUXER = {"fflags": "+bitexact"}
_INDEX_FIRST = {"movflags": "+faststart"}
# SSE4.2 exists on every x86-64 machine of this decade and the last, and costs no measurable CPU time over AVX2;
# AVX2 gives different bytes for some videos.
REPRODUCIBLE_X264 = (
    {"x264-params": "asm=MMX2,SSE,SSE2,SSSE3,SSE4.2"} if machine().lower() in ("x86_64", "amd64") else {}
)


def encode_h264(frames: Iterable[av.VideoFrame], fps: float, crf: int, preset: str) -> bytes:
    """An MP4 of at least one frame at a constant `fps`; size, pixel format and colour tags are those of the first.

    Its index stands before the frames, so that a reader who gets it as a stream can begin at once.
    """
    rate = Fraction(fps).limit_denominator(1001)
    buffer = io.BytesIO()

    def reopen(*_: object) -> io.BytesIO:
        """What was written so far: the muxer reads it to move it behind the index."""
        return io.BytesIO(buffer.getvalue())

    options = {**REPRODUCIBLE_MUXER, **_INDEX_FIRST}
    with cast(Any, av.open(buffer, "w", format="mp4", options=options, io_open=reopen)) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.options = {"crf": str(crf), "preset": preset, **REPRODUCIBLE_X264}
        for index, frame in enumerate(frames):
            if not index:
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
                _prepare(stream.codec_context, frame)
            frame.pts, frame.time_base = index, 1 / rate
            frame.pict_type = PictureType.NONE  # the encoder decides, not the source's encoder
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _prepare(context: Any, frame: av.VideoFrame) -> None:
    context.thread_count = 1
    context.color_range, context.colorspace = frame.color_range, frame.colorspace
    context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc


def prepare_encoder(context: Any) -> None:
    """Restrict an encoder to one thread and tag its stream as BT.709, limited range."""
    context.thread_count = 1
    context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709


def to_bt709(image: NDArray[np.uint8], reformatter: VideoReformatter) -> av.VideoFrame:
    """A uint8 RGB image [H, W, 3] as a tagged yuv420p frame, BT.709, limited range."""
    frame = reformatter.reformat(
        av.VideoFrame.from_ndarray(image, format="rgb24"),
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
        threads=1,
    )
    return tag_bt709(frame)


def tag_bt709(frame: av.VideoFrame) -> av.VideoFrame:
    """The same frame, tagged as BT.709, limited range (in place)."""
    frame.color_range, frame.colorspace = ColorRange.MPEG, Colorspace.ITU709
    frame.color_primaries, frame.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return frame


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """A lossless PNG of a uint8 RGB image [H, W, 3]."""
    return _encode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 6])


def encode_jpeg(image: NDArray[np.uint8]) -> bytes:
    """A JPEG (quality 92) of a uint8 RGB image [H, W, 3]."""
    return _encode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def _encode(suffix: str, image: NDArray[np.uint8], options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    assert done, f"OpenCV could not encode a {image.shape} image as {suffix}"
    return data.tobytes()
