"""Cheap signals of change from thumbnails, frame by frame: what tells a dissolve from motion.

A cut changes everything at once: the difference to the last frame stands out. A dissolve is a straight line between two
pictures: over a stretch of frames the picture in the middle is the mean of the outer two, while the outer two differ
much; moving things are nowhere near that mean. Fades and flashes show in the light.

    python -m pytest tests/pipeline/detectors/test_signals.py
"""

import cv2
import numpy as np
from numpy.typing import NDArray

_LAGS = (1, 2, 4, 8, 16, 32, 64)
_STRETCHES = (2, 4, 8, 16, 32)
_PUSH = 100  # frames at a time
_BEFORE, _AFTER = max(_LAGS), max(_STRETCHES)
NAMES = (
    *(f"difference over {lag}" for lag in _LAGS),
    *(f"bend over {stretch}" for stretch in _STRETCHES),
    "light",
    "contrast",
)


class Signals:
    """Signals of a stream of thumbnails [27, 48, 3]; they come 32 frames late."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._known: NDArray[np.uint8] | None = None

    def push(self, frames: NDArray[np.uint8], *, last: bool) -> NDArray[np.float32]:
        """See the next frames [N, 27, 48, 3], at least one; with `last` the stream ends with them.

        Returns [ready, 14] in the order of `NAMES`: logarithms of differences in grey levels, bends from 0 (a straight
        line) to about 1, light and contrast from 0 to 1. Outside the film its first and its last frame stand still.
        """
        flat = frames.reshape(len(frames), -1)
        before = np.repeat(flat[:1], _BEFORE, axis=0) if self._known is None else self._known
        after = [np.repeat(flat[-1:], _AFTER, axis=0)] if last else []
        known = np.concatenate([before, flat, *after])
        ready = max(0, len(known) - _BEFORE - _AFTER)
        self._known = known[ready:]
        return _measure(known, ready)


class SignalStream:
    """Signals of one film after the other, fed one thumbnail at a time."""

    def __init__(self) -> None:
        self._signals = Signals()
        self._waiting: list[NDArray[np.uint8]] = []
        self._measured: list[NDArray[np.float32]] = []

    def push(self, thumbnail: NDArray[np.uint8]) -> None:
        """See the next thumbnail [27, 48, 3]."""
        self._waiting.append(thumbnail)
        # One more than a push takes: the last push must not be empty.
        if len(self._waiting) > _PUSH:
            self._measured.append(self._signals.push(np.stack(self._waiting[:_PUSH]), last=False))
            self._waiting = self._waiting[_PUSH:]

    def finish(self) -> NDArray[np.float32]:
        """The signals [frames, 14] of the thumbnails pushed since the last call."""
        if self._waiting:
            self._measured.append(self._signals.push(np.stack(self._waiting), last=True))
        found = np.asarray(np.concatenate([np.zeros((0, len(NAMES)), np.float32), *self._measured]), np.float32)
        self._signals.reset()
        self._waiting, self._measured = [], []
        return found


def _measure(known: NDArray[np.uint8], ready: int) -> NDArray[np.float32]:
    """Signals of frames `_BEFORE` to `_BEFORE + ready` of [N, pixels]."""
    if not ready:
        return np.zeros((0, len(NAMES)), np.float32)

    def part(shift: int) -> NDArray[np.uint8]:
        return known[_BEFORE + shift : _BEFORE + shift + ready]

    def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        total = cv2.reduce(cv2.absdiff(one, other), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
        return np.asarray(total[:, 0] / known.shape[1], np.float32)

    here = part(0)
    columns = [np.log1p(distance(here, part(-lag))) for lag in _LAGS]
    for stretch in _STRETCHES:
        outer = part(-stretch), part(stretch)
        middle = np.asarray(cv2.addWeighted(outer[0], 0.5, outer[1], 0.5, 0), np.uint8)
        columns.append(distance(here, middle) / (distance(*outer) + 1))
    values = here.astype(np.float32) / 255
    columns += [values.mean(axis=1), values.std(axis=1)]
    return np.stack(columns, axis=1).astype(np.float32)
