"""What part of a source a sample shows: the picture inside the bars, scaled to cover the bucket, its centre cut out.

size, window = framing.scaled, framing.cut(picture_of_that_size)
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.media.geometry import Geometry
from schemas.bucket import Bucket

Box = tuple[int, int, int, int]
# Pixels of the sample by which its window stays away from a bar: a scaler mixes the lines at the bar's edge.
_MARGIN = 1


@dataclass(frozen=True, slots=True)
class Framing:
    """The size (width, height) to scale the whole source to, the window in it, and the window in source pixels.

    Windows are left, top, width, height.
    """

    scaled: tuple[int, int]
    window: Box
    crop: Box

    def cut(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The window of a picture [height, width, 3] of the scaled size."""
        left, top, width, height = self.window
        return np.ascontiguousarray(picture[top : top + height, left : left + width])


def frame_sample(geometry: Geometry, box: Box, bucket: Bucket) -> Framing:
    """Frame the part `box` (left, top, width, height in pixels) of a displayed source for a bucket."""
    left, top, width, height = box
    bars = (width < geometry.width, height < geometry.height)
    plain = max(bucket.width / width, bucket.height / height)
    away = max((bucket.width + 2 * _MARGIN * bars[0]) / width, (bucket.height + 2 * _MARGIN * bars[1]) / height)
    scale = min(away, max(1.0, plain))  # at full size nothing is mixed, and nothing is enlarged for the margin's sake
    scaled = (max(bucket.width, round(geometry.width * scale)), max(bucket.height, round(geometry.height * scale)))
    across, down = scaled[0] / geometry.width, scaled[1] / geometry.height
    window = (
        _centred((left + width / 2) * across, bucket.width, scaled[0]),
        _centred((top + height / 2) * down, bucket.height, scaled[1]),
        bucket.width,
        bucket.height,
    )
    shown = (min(width, round(bucket.width / scale)), min(height, round(bucket.height / scale)))
    crop = (left + (width - shown[0]) // 2, top + (height - shown[1]) // 2, *shown)
    return Framing(scaled, window, crop)


def _centred(middle: float, length: int, of: int) -> int:
    return min(max(0, math.floor(middle - length / 2)), of - length)
