"""Blockiness: how much larger the steps of brightness are across an 8x8 grid than elsewhere.

B and A of Wang, Sheikh and Bovik, "No-reference perceptual quality assessment of JPEG compressed images", ICIP 2002
(mean steps across and inside blocks), as a ratio, with two changes: of the columns (rows) of the grid the median
counts, so that a few real edges on a plain ground are no blocks; and the strongest of the eight places where the grid
may lie is taken, so that turned and cut pictures are seen too. A grid that was scaled is not seen.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_BLOCK = 8
_SMALLEST = 4 * _BLOCK
_FLOOR = 1.0  # level added to both sides: steps below that are not seen, and a flat picture gives 1


def measure_steps(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Median steps [2, 8] of a native luma picture, in levels: at each place of the grid, across columns and rows."""
    found = np.zeros((2, _BLOCK))
    if min(luma.shape) < _SMALLEST:
        return found
    for axis, (one, other) in enumerate(((luma[:, 1:], luma[:, :-1]), (luma[1:], luma[:-1]))):
        steps = cv2.reduce(cv2.absdiff(one, other), axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
        found[axis] = [_median(steps[place::_BLOCK]) for place in range(_BLOCK)]
    return found


def _median(values: NDArray[Any]) -> float:
    # What numpy's median gives, without its checks: it is asked sixteen times a look.
    ordered = np.sort(values)
    return float((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)


def blockiness(steps: NDArray[np.float64]) -> float:
    """Ratio, about 1 (no grid) up, of the steps [n, 2, 8] of a clip's looks: mean of the two directions."""
    mean = np.mean(steps, axis=0)
    most = np.max(mean, axis=1)
    rest = (np.sum(mean, axis=1) - most) / (_BLOCK - 1)
    return round(float(np.mean((most + _FLOOR) / (rest + _FLOOR))), 4)
