"""Exposure: brightness, contrast, and the shares of clipped white and black pixels.

brightness, contrast, overexposed, underexposed = measure_exposure(luma)
"""

from collections.abc import Sequence

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.measures.base import SampledFrame
from schemas.contract import Column

_BLACK, _WHITE = 2, 253  # codecs and scalers shift the ends of the range by about two levels
_LEVELS = np.arange(256) / 255


def measure_exposure(luma: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """Brightness, contrast, overexposed and underexposed of a full-range luma, uint8 [H, W].

    Mean (0 black to 1 white), standard deviation (0 to 0.5), share of white pixels and share of black ones (0 to 1).
    """
    shares = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel().astype(np.float64) / luma.size
    mean = float(shares @ _LEVELS)
    deviation = float(np.sqrt(max(0.0, float(shares @ (_LEVELS - mean) ** 2))))
    return mean, deviation, float(shares[_WHITE:].sum()), float(shares[: _BLACK + 1].sum())


class Exposure:
    """The means over a clip's sampled frames."""

    columns = (
        Column(name="brightness", type=pa.float64(), doc="mean luma, 0 (black) to 1 (white)"),
        Column(name="contrast", type=pa.float64(), doc="standard deviation of the luma, 0 to 0.5"),
        Column(name="overexposed", type=pa.float64(), doc="share of pixels at the white end (luma 253 up), 0 to 1"),
        Column(name="underexposed", type=pa.float64(), doc="share of pixels at the black end (luma up to 2), 0 to 1"),
    )
    width = 4

    def measure(self, frame: SampledFrame) -> Sequence[float]:
        """See `FrameMeasure`."""
        return measure_exposure(frame.scaled)

    def summarise(self, values: NDArray[np.float64]) -> Sequence[float]:
        """See `FrameMeasure`."""
        return [round(float(value), 6) for value in values.mean(axis=0)]
