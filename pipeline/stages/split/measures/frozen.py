"""Frozen share: how much of a clip shows the picture that was already there.

A picture is held against the first one of its run, so slow motion adds up until it shows, at any frame rate. Runs
shorter than a quarter of a second do not count: a film of 24 frames in a file of 60 repeats frames, but does not stand
still. Sensor noise is told from a codec's noise by its being there all the time: a tripod shot is not frozen.
"""

from array import array

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_SECONDS = 0.25
# Levels of the small luma by which equal pictures may differ: what H.264 changes in a slide at a key frame.
_MOST, _MEAN = 10.0, 0.6
# Mean levels between two looks from which a picture is alive with noise. Most of the time an encoded slide repeats
# itself to 0.001 levels; of noise of 2 levels H.264 leaves 0.1 at crf 18, 0.02 at crf 23 and nothing at crf 28, where
# the film does stand still.
_ALIVE = 0.01


class FrozenMeter:
    """Sees every frame; keeps the times of the frozen runs."""

    def __init__(self) -> None:
        self._anchor: NDArray[np.uint8] | None = None
        self._looked: NDArray[np.uint8] | None = None
        self._start = self._end = 0.0
        self._looks = self._lively = 0
        self._starts, self._ends = array("d"), array("d")

    def push(self, luma: NDArray[np.uint8], time: float, end: float, look: bool) -> None:
        """See a small luma that is shown from `time` to `end`; `look`: search it for noise (a few times a second)."""
        same = self._anchor is not None and _is_same(self._anchor, luma)
        if not same:
            self._close()
            self._anchor = self._looked = luma
            self._start = time
        elif look and self._looked is not None:
            self._looks += 1
            self._lively += _mean_difference(self._looked, luma) > _ALIVE
            self._looked = luma
        self._end = end

    def _close(self) -> None:
        if self._is_frozen():
            self._starts.append(self._start)
            self._ends.append(self._end)
        self._looks = self._lively = 0

    def _is_frozen(self) -> bool:
        long = self._anchor is not None and self._end - self._start >= MIN_SECONDS
        return long and self._lively * 2 <= self._looks

    def share(self, start: float, end: float) -> float:
        """Share of the time from `start` to `end`, 0 to 1, that lies in frozen runs."""
        starts, ends = np.array(self._starts), np.array(self._ends)
        if self._is_frozen():
            starts, ends = np.append(starts, self._start), np.append(ends, self._end)
        frozen = float(np.sum(np.clip(np.minimum(ends, end) - np.maximum(starts, start), 0, None)))
        return round(min(1.0, frozen / (end - start)), 4) if end > start else 0.0


def _is_same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    if one.shape != other.shape:
        return False
    return cv2.norm(one, other, cv2.NORM_INF) <= _MOST and _mean_difference(one, other) <= _MEAN


def _mean_difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return cv2.norm(one, other, cv2.NORM_L1) / one.size
