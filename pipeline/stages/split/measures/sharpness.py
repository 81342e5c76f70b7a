"""Sharpness: variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000).

It depends on the scale, so every picture is brought to 360 lines first, smaller ones too: a picture that was enlarged
from less does not look sharper than the original, and sizes compare.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SHORT_SIDE = 360


def to_scale(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The luma picture [height, width] with a short side of 360."""
    while min(luma.shape) >= 2 * SHORT_SIDE:  # halving and one linear step cost a tenth of an area filter
        height, width = (one // 2 for one in luma.shape)
        even = luma[: 2 * height, : 2 * width]
        luma = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    scale = SHORT_SIDE / min(luma.shape)
    size = (max(1, round(luma.shape[1] * scale)), max(1, round(luma.shape[0] * scale)))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def measure_sharpness(scaled: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of a luma picture at scale, in squared levels, >= 0."""
    edges = cv2.Laplacian(scaled, cv2.CV_16S)
    return float(cv2.norm(edges, cv2.NORM_L2SQR)) / edges.size - float(cv2.mean(edges)[0]) ** 2
