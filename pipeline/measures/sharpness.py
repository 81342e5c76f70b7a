"""Sharpness: variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000).

It depends on the scale, so every image is resized to 360 lines first, smaller ones too: an upscaled image does not
measure sharper than its original, and different sizes are comparable.

    sharpness = measure_sharpness(to_scale(luma))
"""

from collections.abc import Sequence

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.measures.base import SampledFrame
from schemas.contract import Column

SHORT_SIDE = 360


def to_scale(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The luma uint8 [H, W] resized to a short side of 360."""
    while min(luma.shape) >= 2 * SHORT_SIDE:  # halving and one linear step cost a tenth of an area filter's time
        height, width = (side // 2 for side in luma.shape)
        even = luma[: 2 * height, : 2 * width]
        luma = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    scale = SHORT_SIDE / min(luma.shape)
    size = (max(1, round(luma.shape[1] * scale)), max(1, round(luma.shape[0] * scale)))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def measure_sharpness(scaled: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of a luma uint8 [H, W] from `to_scale`, in squared levels, >= 0."""
    edges = cv2.Laplacian(scaled, cv2.CV_16S)
    return float(cv2.norm(edges, cv2.NORM_L2SQR)) / edges.size - float(cv2.mean(edges)[0]) ** 2


class Sharpness:
    """The mean over a clip's sampled frames."""

    columns = (
        Column(
            name="sharpness",
            type=pa.float64(),
            doc="variance of the Laplacian of the luma at 360 lines, squared levels of 0 to 255, >= 0",
        ),
    )
    width = 1

    def measure(self, frame: SampledFrame) -> Sequence[float]:
        """See `FrameMeasure`."""
        return (measure_sharpness(frame.scaled),)

    def summarise(self, values: NDArray[np.float64]) -> Sequence[float]:
        """See `FrameMeasure`."""
        return (round(float(values.mean()), 6),)
