"""Frames of films that were scanned in fields, telecined or whole, over a pan, and their files with or without flags.

from tests.interlaced_films import scanned
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.films import texture

Luma = NDArray[np.uint8]
SIZE = (320, 240)
# Film frames of the top and bottom field of each of five frames, 2:3 pulldown.
_PULLDOWN = ((0, 0), (1, 1), (1, 2), (2, 3), (3, 3))


def scanned(kind: str, count: int, step: tuple[float, float] = (4, 0), seed: int = 1) -> list[Luma]:
    """`progressive`, `top` or `bottom` (the first field), `telecine`; `step` is the pan per frame in pixels."""
    width, height = SIZE
    room = [abs(int(pixels)) * max(count, 64) + 16 for pixels in step]  # films of other lengths show the same
    canvas = cv2.cvtColor(texture(seed, width + room[0], height + room[1]), cv2.COLOR_RGB2GRAY)

    def at(time: float) -> Luma:
        centre = (width / 2 + 8 + step[0] * time, height / 2 + 8 + step[1] * time)
        return np.asarray(cv2.getRectSubPix(canvas, SIZE, centre), np.uint8)

    return [_woven(*(at(time) for time in _times(kind, index))) for index in range(count)]


def _times(kind: str, index: int) -> tuple[float, float]:
    if kind == "telecine":
        group, position = divmod(index, 5)
        return group * 4 + _PULLDOWN[position][0], group * 4 + _PULLDOWN[position][1]
    return {"progressive": (index, index), "top": (index, index + 0.5), "bottom": (index + 0.5, index)}[kind]


def _woven(top: Luma, bottom: Luma) -> Luma:
    frame = top.copy()
    frame[1::2] = bottom[1::2]
    return frame


def to_frames(pictures: Sequence[Luma], pixel_format: str = "yuv420p") -> list[av.VideoFrame]:
    """Grey frames with times of 25 frames per second."""
    frames = []
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format=pixel_format)
        frame.pts, frame.time_base = index, Fraction(1, 25)
        frames.append(frame)
    return frames


def write_film(path: Path, pictures: Sequence[Luma], flagged: bool = False, codec: str = "mpeg2video") -> Path:
    """A film at 25 frames per second; `flagged`: coded as fields, top first."""
    with av.open(path, "w") as container:
        stream = cast(Any, container.add_stream(codec, rate=25))
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.gop_size = 12
        stream.options = {"qmin": "2", "qmax": "4", **({"flags": "+ilme+ildct", "top": "1"} if flagged else {})}
        for frame in to_frames(pictures):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
