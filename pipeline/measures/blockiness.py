"""Blockiness: how much larger steps of brightness are across an 8x8 grid than elsewhere.

B and A of Wang, Sheikh and Bovik, "No-reference perceptual quality assessment of JPEG compressed images", ICIP 2002
(mean steps across and inside blocks), as a ratio, with two changes: the median over the grid's columns (rows) is used,
so that a few real edges on a uniform background do not count as blocks; and the strongest of the eight grid offsets is
used, so that rotated and cropped images are covered too. A grid that was scaled is not detected.

    blockiness(np.stack([measure_steps(luma) for luma in frames]))
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.measures.base import SampledFrame
from schemas.contract import Column

_BLOCK = 8
_SMALLEST = 4 * _BLOCK
_FLOOR = 1.0  # level added to both sides: smaller steps do not count, and a flat image gives 1


def measure_steps(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Median steps [2, 8] of a full-size luma, uint8 [H, W], in levels: across columns and rows, per grid offset."""
    medians = np.zeros((2, _BLOCK))
    if min(luma.shape) < _SMALLEST:
        return medians
    for axis, (after, before) in enumerate(((luma[:, 1:], luma[:, :-1]), (luma[1:], luma[:-1]))):
        steps = cv2.reduce(cv2.absdiff(after, before), axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
        medians[axis] = [_median(steps[offset::_BLOCK]) for offset in range(_BLOCK)]
    return medians


def _median(values: NDArray[Any]) -> float:
    # Same value as numpy's median, without its checks: it is called sixteen times per sampled frame.
    ordered = np.sort(values)
    return float((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)


def blockiness(steps: NDArray[np.float64]) -> float:
    """Ratio (1: no grid, larger: blocks) from the steps [n, 2, 8] of a clip's sampled frames: mean of both axes."""
    mean = np.mean(steps, axis=0)
    most = np.max(mean, axis=1)
    rest = (np.sum(mean, axis=1) - most) / (_BLOCK - 1)
    return round(float(np.mean((most + _FLOOR) / (rest + _FLOOR))), 4)


class Blockiness:
    """Steps are kept per frame and grid offset: the strongest offset is that of the clip, not of each frame."""

    columns = (
        Column(
            name="blockiness",
            type=pa.float64(),
            doc="luma steps across the codec's 8x8 grid over steps elsewhere, >= 1; about 1 = no blocking",
        ),
    )
    width = 2 * _BLOCK

    def measure(self, frame: SampledFrame) -> Sequence[float]:
        """See `FrameMeasure`."""
        return [float(step) for step in measure_steps(frame.luma).ravel()]

    def summarise(self, values: NDArray[np.float64]) -> Sequence[float]:
        """See `FrameMeasure`."""
        return (blockiness(values.reshape(-1, 2, _BLOCK)),)
