"""Combing: the share of a clip's frames whose lines come from two moments, as the source has them.

Pairs of consecutive frames are compared twice a second on their way from the decoder, before anything is deinterlaced,
so that a rule (`interlaced <= 0.1`) can drop what was interlaced, whatever was done about it since. True interlaced
film reaches 1 where all of it moves, 3:2 pulldown 0.4; what does not move is not combed.
"""

from array import array
from collections.abc import Iterator

import numpy as np

from pipeline.media.decode import TimedFrame
from pipeline.media.fields import Lines, compare_fields, luma_lines

LOOK_SECONDS = 0.5
_SIGNS = {"top": 1, "bottom": -1, None: 0}


class CombMeter:
    """Looks at a film's frames in order; 9 bytes per look."""

    def __init__(self) -> None:
        self._times, self._signs = array("d"), array("b")
        self._next: float | None = None
        self._first: tuple[float, Lines] | None = None

    def watch(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """The same frames, seen in passing."""
        for timed in frames:
            self.push(timed)
            yield timed

    def push(self, timed: TimedFrame) -> None:
        """See the next frame; times rise."""
        if self._first is not None:
            time, lines = self._first
            self._first = None
            self._times.append(time)
            self._signs.append(_SIGNS[compare_fields(lines, luma_lines(timed.frame)).combed])
        if self._next is None or timed.time >= self._next:
            self._first = (timed.time, luma_lines(timed.frame))
            self._next = timed.time + LOOK_SECONDS

    def share(self, start: float, end: float) -> float | None:
        """Share of the frames looked at, `start` <= time < `end` (seconds), that are combed; None if none was.

        A film's fields have one order: frames that seem to be combed in the other order are chance, and cancel out.
        """
        first, last = np.searchsorted(np.array(self._times), (start, end))
        signs = np.array(self._signs[first:last], np.int64)
        return None if not len(signs) else abs(int(signs.sum())) / len(signs)
