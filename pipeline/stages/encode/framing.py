"""The part of a source that a sample shows: the area inside the bars, scaled to cover the bucket, centre-cropped.

framing = frame_sample(geometry, box, bucket)
pixels = framing.cut(resize(image, framing.scaled))
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.media.geometry import Geometry
from schemas.bucket import Bucket

Box = tuple[int, int, int, int]
# Distance in sample pixels of the window from a bar: a scaler blends the lines at the bar's edge.
_MARGIN = 1


@dataclass(frozen=True, slots=True)
class Framing:
    """`scaled`: the size (width, height) to scale the whole source to; `window`: the window in the scaled frame.

    `crop` is the same window in source pixels. Windows are (left, top, width, height).
    """

    scaled: tuple[int, int]
    window: Box
    crop: Box

    def cut(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The window of an image of the scaled size: uint8 [H, W, 3]."""
        left, top, width, height = self.window
        return np.ascontiguousarray(image[top : top + height, left : left + width])


def frame_sample(geometry: Geometry, box: Box, bucket: Bucket) -> Framing:
    """Frame the part `box` (left, top, width, height in pixels) of a displayed source for a bucket."""
    left, top, width, height = box
    bars = (width < geometry.width, height < geometry.height)
    plain = max(bucket.width / width, bucket.height / height)
    away = max((bucket.width + 2 * _MARGIN * bars[0]) / width, (bucket.height + 2 * _MARGIN * bars[1]) / height)
    scale = min(away, max(1.0, plain))  # at full size nothing is blended, so the margin is no reason to enlarge
    scaled = (max(bucket.width, round(geometry.width * scale)), max(bucket.height, round(geometry.height * scale)))
    across, down = scaled[0] / geometry.width, scaled[1] / geometry.height
    window = (
        _centred((left + width / 2) * across, bucket.width, scaled[0], bars[0]),
        _centred((top + height / 2) * down, bucket.height, scaled[1], bars[1]),
        bucket.width,
        bucket.height,
    )
    visible = (min(width, round(bucket.width / scale)), min(height, round(bucket.height / scale)))
    crop = (left + (width - visible[0]) // 2, top + (height - visible[1]) // 2, *visible)
    return Framing(scaled, window, crop)


def _centred(center: float, length: int, of: int, between_bars: bool) -> int:
    # Rounded down, a window may lie a whole pixel off its centre, which is more than the margin to a bar allows.
    start = math.floor(center - length / 2 + (0.5 if between_bars else 0.0))
    return min(max(0, start), of - length)
