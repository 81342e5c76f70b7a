"""Decode a still to pixels and bring it to the square that an image network reads.

One place, so that all scorers see the same pixels for the same bytes.

    python -m pytest tests/pipeline/stages/score/scorers/test_picture.py
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.errors import MediaError

# Most ImageNet networks are measured on the central 224 of 256, and see objects at that scale.
CROP_SHARE = 224 / 256


def decode(image: bytes) -> NDArray[np.uint8]:
    """Decode JPEG or PNG bytes to RGB [height, width, 3], 0 to 255. Raises `MediaError` if they are no picture."""
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR) if image else None
    if pixels is None:
        raise MediaError(f"{len(image)} bytes that begin with {image[:8]!r} are not a JPEG or PNG image")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def central_square(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return the central size x size pixels after the short side was scaled to size / 0.875, aspect kept.

    Cropping before scaling gives the same picture and touches fewer pixels. Shrinking averages areas, which is what
    keeps fine texture from turning into noise; enlarging is bicubic.
    """
    height, width = pixels.shape[:2]
    side = max(1, round(min(height, width) * CROP_SHARE))
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[top : top + side, left : left + side]
    method = cv2.INTER_AREA if side >= size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (size, size), interpolation=method), dtype=np.uint8)
