"""Frozen share: how much of a clip repeats the same frame.

A frame is compared with the first one of its run, so that slow motion accumulates until it is detected, at any frame
rate. Runs shorter than a quarter of a second do not count: 24 frames per second in a file of 60 repeat frames, but are
not frozen. Sensor noise differs from compression noise by being present all the time: a tripod shot is not frozen.

    meter.push(frame.luma, frame.time, frame.end, sampled=True)
    share = meter.share(start, end)
"""

from array import array

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_SECONDS = 0.25
# Levels of the small luma by which equal frames may differ: what H.264 changes in a slide at a key frame.
_MOST, _MEAN = 10.0, 0.6
# Mean difference in levels between two sampled frames above which there is sensor noise. An encoded slide mostly
# repeats itself to 0.001 levels; of noise of 2 levels H.264 leaves 0.1 at crf 18, 0.02 at crf 23 and nothing at crf 28,
# where the video really is frozen.
_NOISE = 0.01


class FrozenMeter:
    """Processes every frame; keeps the times of the frozen runs."""

    def __init__(self) -> None:
        self._anchor: NDArray[np.uint8] | None = None
        self._last_sample: NDArray[np.uint8] | None = None
        self._start = self._end = 0.0
        self._samples = self._noisy = 0
        self._starts, self._ends = array("d"), array("d")

    def push(self, luma: NDArray[np.uint8], time: float, end: float, sampled: bool) -> None:
        """Process a small luma, uint8 [H, W], displayed from `time` to `end`; `sampled`: also check it for noise."""
        same = self._anchor is not None and _is_same(self._anchor, luma)
        if not same:
            self._close()
            self._anchor = self._last_sample = luma
            self._start = time
        elif sampled and self._last_sample is not None:
            self._samples += 1
            self._noisy += _mean_difference(self._last_sample, luma) > _NOISE
            self._last_sample = luma
        self._end = end

    def _close(self) -> None:
        if self._is_frozen():
            self._starts.append(self._start)
            self._ends.append(self._end)
        self._samples = self._noisy = 0

    def _is_frozen(self) -> bool:
        long = self._anchor is not None and self._end - self._start >= MIN_SECONDS
        return long and self._noisy * 2 <= self._samples

    def share(self, start: float, end: float) -> float:
        """Share (0 to 1) of the time from `start` to `end` (seconds) that lies in frozen runs."""
        starts, ends = np.array(self._starts), np.array(self._ends)
        if self._is_frozen():
            starts, ends = np.append(starts, self._start), np.append(ends, self._end)
        frozen = float(np.sum(np.clip(np.minimum(ends, end) - np.maximum(starts, start), 0, None)))
        return round(min(1.0, frozen / (end - start)), 4) if end > start else 0.0


def _is_same(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    if first.shape != second.shape:
        return False
    return cv2.norm(first, second, cv2.NORM_INF) <= _MOST and _mean_difference(first, second) <= _MEAN


def _mean_difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    return cv2.norm(first, second, cv2.NORM_L1) / first.size
