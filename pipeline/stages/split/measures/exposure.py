"""Exposure: brightness, contrast, and the shares of clipped white and black pixels.

brightness, contrast, overexposed, underexposed = measure_exposure(luma)
"""

import cv2
import numpy as np
from numpy.typing import NDArray

NAMES = ("brightness", "contrast", "overexposed", "underexposed")
_BLACK, _WHITE = 2, 253  # codecs and scalers shift the ends of the range by about two levels
_LEVELS = np.arange(256) / 255


def measure_exposure(luma: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """The values of `NAMES` for a full-range luma, uint8 [H, W].

    Mean (0 black to 1 white), standard deviation (0 to 0.5), share of white pixels and share of black ones (0 to 1).
    """
    shares = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel().astype(np.float64) / luma.size
    mean = float(shares @ _LEVELS)
    deviation = float(np.sqrt(max(0.0, float(shares @ (_LEVELS - mean) ** 2))))
    return mean, deviation, float(shares[_WHITE:].sum()), float(shares[: _BLACK + 1].sum())
