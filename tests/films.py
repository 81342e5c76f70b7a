"""Small films and pictures for tests: seeded textures that move, flat colours, and any container, rate or start.

from tests.films import make_film, moving, texture
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from pipeline.media.probe import probe
from pipeline.stage import Row

Picture = NDArray[np.uint8]

# Finer than any container's own time base, so that variable rates are written as given.
_FINE = Fraction(1, 90_000)
# Per codec: how "nearly lossless" and "this many B-frames" are said.
_QUALITY = {"libx264": {"crf": "10", "preset": "veryfast"}, "mpeg4": {"qmin": "1", "qmax": "2"}}


def texture(seed: int, width: int = 480, height: int = 320) -> Picture:
    """A picture of blobs of many sizes around one hue; other seeds look strongly different."""
    random = np.random.default_rng(seed)
    canvas = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((6, 70.0), (20, 45.0), (60, 25.0)):
        grid = random.uniform(-1, 1, (cells * height // width + 1, cells, 3)).astype(np.float32)
        canvas += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    hue = np.array([[[37 * seed % 180, 160, 200]]], np.uint8)
    base = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)
    return np.asarray(np.clip(0.7 * base + 20 + canvas, 0, 255), np.uint8)


def moving(
    canvas: Picture, count: int, size: tuple[int, int] = (192, 128), step: tuple[float, float] = (1, 0)
) -> Iterator[Picture]:
    """A window of `size` (width, height) that moves over the canvas by `step` pixels a frame."""
    for index in range(count):
        centre = (size[0] / 2 + step[0] * index, size[1] / 2 + step[1] * index)
        centre = (
            centre[0] if step[0] >= 0 else canvas.shape[1] - size[0] / 2 + step[0] * index,
            centre[1] if step[1] >= 0 else canvas.shape[0] - size[1] / 2 + step[1] * index,
        )
        yield np.asarray(cv2.getRectSubPix(canvas, size, centre), np.uint8)


def shots(lengths: Sequence[int], size: tuple[int, int] = (192, 128), seed: int = 1) -> list[Picture]:
    """Pictures of a film of hard cuts: one slowly moving texture per shot."""
    frames: list[Picture] = []
    for number, count in enumerate(lengths):
        canvas = texture(seed + number, size[0] + 2 * max(lengths), size[1] + 8)
        frames += moving(canvas, count, size, (1, 0))
    return frames


def flat(colour: tuple[int, int, int], count: int, size: tuple[int, int] = (64, 48)) -> list[Picture]:
    """The same colour for `count` frames of `size` (width, height)."""
    return [np.full((size[1], size[0], 3), colour, np.uint8)] * count


def to_yuv(
    picture: Picture, matrix: Colorspace = Colorspace.ITU709, full: bool = False, pixel_format: str = "yuv420p"
) -> av.VideoFrame:
    """A frame in YUV of this matrix and range."""
    return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
        format=pixel_format,
        src_color_range=ColorRange.JPEG,
        dst_colorspace=matrix,
        dst_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
    )


def make_film(
    path: Path,
    pictures: Iterable[Picture],
    *,
    fps: int = 24,
    times: Sequence[float] | None = None,
    start: float = 0.0,
    codec: str = "libx264",
    key_interval: int = 12,
    b_frames: int = 2,
    rotation: int = 0,
    mirrored: bool = False,
    tagged: bool = True,
    pixel_format: str = "yuv420p",
    pixel_aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> list[float]:
    """Write a film; returns when each frame is shown. `times` (seconds) makes a variable rate."""
    base = _FINE if times is not None else Fraction(1, fps)
    listed = list(pictures)
    seconds = [start + time for time in (times or [index / fps for index in range(len(listed))])]
    with av.open(path, "w", container_options=container_options or {}) as container:
        stream = cast(Any, container.add_stream(codec, rate=fps))
        stream.height, stream.width = listed[0].shape[:2]
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.thread_count, context.time_base = 1, base
        context.gop_size, context.max_b_frames = key_interval, b_frames
        stream.options = {**_QUALITY.get(codec, {}), **(options or {})}
        stream.metadata.update(metadata or {})
        if pixel_aspect is not None:
            context.sample_aspect_ratio = pixel_aspect
        if tagged:
            context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
            context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        if rotation or mirrored:
            # PyAV turns counter-clockwise and mirrors last; here the film is mirrored first.
            stream.set_display_rotation(rotation if mirrored else -rotation, hflip=mirrored)
        for picture, time in zip(listed, seconds, strict=True):
            frame = to_yuv(picture, pixel_format=pixel_format)
            frame.pts, frame.time_base = round(time / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return seconds


def make_sound(path: Path, seconds: float = 1.0) -> None:
    """A file that holds nothing but a tone."""
    rate, count = 16_000, 1024
    with av.open(path, "w") as container:
        stream = cast(Any, container.add_stream("aac", rate=rate))
        stream.layout = "mono"
        for start in range(0, int(seconds * rate), count):
            tone = 0.3 * np.sin(np.arange(start, start + count) * 2 * np.pi * 440 / rate)
            frame = av.AudioFrame.from_ndarray(tone.astype(np.float32)[np.newaxis], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def video_row(path: Path, video_id: str = "0123456789abcdef") -> Row:
    """A row of the videos table as far as later stages read it."""
    probed = probe(str(path), path.stat().st_size)
    status = path.stat()
    known = {"video_id": video_id, "uri": str(path), "bytes": status.st_size, "version": str(status.st_mtime_ns)}
    return {**asdict(probed), **known}
