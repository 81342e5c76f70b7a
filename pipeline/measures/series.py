"""Measurements by frame, 8 bytes per number, and the ticker that decides which frames are sampled.

series.add(frame.index, *values)
rows = series.between(first, end)
"""

import bisect
import math
from array import array

import numpy as np
from numpy.typing import NDArray

# Containers round times to a millisecond: a frame that comes this much after a tick still counts as displayed at it.
_SLACK_SECONDS = 0.002


class Series:
    """Rows of `width` numbers, each for a frame; frame numbers increase."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._frames = array("q")
        self._values = array("d")

    def add(self, frame: int, *values: float) -> None:
        """Append a row."""
        self._frames.append(frame)
        self._values.extend(values)

    def between(self, first: int, end: int) -> NDArray[np.float64]:
        """The rows [n, width] of frames `first` <= frame < `end`."""
        start, stop = bisect.bisect_left(self._frames, first), bisect.bisect_left(self._frames, end)
        values = self._values[start * self._width : stop * self._width]
        return np.array(values, np.float64).reshape(-1, self._width)

    def all(self) -> NDArray[np.float64]:
        """All rows [n, width]."""
        return np.array(self._values, np.float64).reshape(-1, self._width)

    def nearest(self, first: int, end: int) -> NDArray[np.float64]:
        """As `between`, but if that is empty, the last row before it (or the very first)."""
        rows = self.between(first, end)
        if len(rows) or not self._frames:
            return rows
        before = self._frames[max(0, bisect.bisect_left(self._frames, first) - 1)]
        return self.between(before, before + 1)


class Ticker:
    """Ticks every `interval` seconds from the first frame; a frame is due if it is displayed at a tick.

    So videos of different rates are sampled at the same times, as nearly as their frames allow.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._origin: float | None = None
        self._next = 0.0

    def is_due(self, time: float, end: float) -> bool:
        """Whether the frame displayed from `time` to `end` (seconds) covers a tick; advances the ticker."""
        if self._origin is None:
            self._origin = self._next = time
        reached = end - _SLACK_SECONDS
        if self._next >= reached and self._next > time:
            return False
        passed = max(0, math.ceil((reached - self._origin) / self._interval))
        self._next = max(self._origin + passed * self._interval, self._next + self._interval)
        return True
