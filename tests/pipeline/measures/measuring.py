"""Runs images or a video through the measurer as the decode pass does.

measures = measure(images, fps=24)
"""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.measures.measurer import Measurer
from pipeline.media.analysis_frame import AnalysisFrame
from pipeline.media.decode import Decoder, PacketSizes
from pipeline.media.geometry import Geometry
from pipeline.media.rgb import RgbConverter
from tests.films import Picture

SHORT_SIDE = 108
_NO_COLOR = np.zeros((1, 1, 3), np.uint8)  # no measure looks at it


def push(measurer: Measurer, images: Iterable[Picture], edges: Sequence[float]) -> None:
    """Push RGB images; image k is shown from `edges[k]` to `edges[k + 1]`."""
    for index, (image, (time, end)) in enumerate(zip(images, pairwise(edges), strict=True)):
        native = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        scale = min(1.0, SHORT_SIDE / min(native.shape))
        size = (round(native.shape[1] * scale), round(native.shape[0] * scale))
        luma = np.asarray(cv2.resize(native, size, interpolation=cv2.INTER_AREA), np.uint8)
        measurer.push(AnalysisFrame(index, time, end, luma, partial(np.asarray, native), _NO_COLOR))


def measure(
    images: Iterable[Picture], fps: float = 24, start: float = 0.0, span: tuple[int, int] | None = None
) -> dict[str, Any]:
    """The measures of a clip (by default all) of images at a constant rate."""
    listed = list(images)
    height, width = listed[0].shape[:2]
    measurer = Measurer(width, height, PacketSizes())
    push(measurer, listed, [start + index / fps for index in range(len(listed) + 1)])
    return measurer.summarise(*(span or (0, len(listed))))


def measure_video(path: Path) -> dict[str, Any]:
    """The measures of a whole video of constant rate, decoded."""
    with Decoder(str(path)) as decoder:
        frames = list(decoder.frames())
        height, width = frames[0].frame.height, frames[0].frame.width
        converter = RgbConverter(Geometry(0, width, height))
        times = [frame.time for frame in frames]
        measurer = Measurer(width, height, decoder.packets)
        images = (converter.rgb(frame.frame, width, height) for frame in frames)
        push(measurer, images, [*times, times[-1] + (times[-1] - times[0]) / (len(times) - 1)])
    return measurer.summarise(0, len(frames))
