"""Cheap signals of change from thumbnails, frame by frame: what tells a dissolve from motion.

A cut changes everything at once: the difference to the last frame stands out. A dissolve is a straight line between two
pictures: over a stretch of frames the picture in the middle is the mean of the outer two, while the outer two differ
much; moving things are nowhere near that mean. Fades and flashes show in the light.

What moves keeps its colours, so each channel's values, wherever they are in the picture, differ only between different
scenes. And a transition goes straight: over a stretch of frames as much changes in all as between its ends
(the way), and where a wipe's edge passes, all of it in one step.

    python -m pytest tests/pipeline/stages/split/detectors/test_signals.py
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_LAGS = (1, 2, 4, 8, 16, 32, 64)
_STRETCHES = (2, 4, 8, 16, 32)
_SCALES = (2, 4, 8, 16, 32, 64)
_PUSH = 100  # frames at a time
_BEFORE, _AFTER = max(_LAGS), max(_SCALES)
NAMES = (
    *(f"difference over {lag}" for lag in _LAGS),
    *(f"bend over {stretch}" for stretch in _STRETCHES),
    "light",
    "contrast",
    *(f"{name} over {scale}" for name in ("ends", "colours", "straightness", "steps") for scale in _SCALES),
    "bend over 64",
)


@dataclass(frozen=True, slots=True)
class _Frames:
    """Thumbnails, flat, [N, 3888], and how many values of each channel are so low or lower, [N, 768]."""

    pictures: NDArray[np.uint8]
    colours: NDArray[np.uint16]

    def then(self, more: "_Frames") -> "_Frames":
        pictures = np.concatenate([self.pictures, more.pictures])
        return _Frames(pictures, np.concatenate([self.colours, more.colours]))

    def repeated(self, place: int, times: int) -> "_Frames":
        return _Frames(
            np.repeat(self.pictures[place][None], times, axis=0), np.repeat(self.colours[place][None], times, axis=0)
        )


class Signals:
    """Signals of a stream of thumbnails [27, 48, 3]; they come 64 frames late."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._known: _Frames | None = None

    def push(self, frames: NDArray[np.uint8], *, last: bool) -> NDArray[np.float32]:
        """See the next frames [N, 27, 48, 3], at least one; with `last` the stream ends with them.

        Returns [ready, 39] in the order of `NAMES`: logarithms of differences in grey levels, bends from 0 (a straight
        line) to about 1, light, contrast and straightness from 0 to 1. Outside the film its first and its last frame
        stand still.
        """
        seen = _Frames(frames.reshape(len(frames), -1), _count_colours(frames))
        before = seen.repeated(0, _BEFORE) if self._known is None else self._known
        known = before.then(seen).then(seen.repeated(-1, _AFTER if last else 0))
        ready = max(0, len(known.pictures) - _BEFORE - _AFTER)
        self._known = _Frames(known.pictures[ready:], known.colours[ready:])
        if not ready:
            return np.zeros((0, len(NAMES)), np.float32)
        columns = [*_measure(known.pictures, ready), *_compare(known, ready)]
        return np.stack(columns, axis=1).astype(np.float32)


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
        """The signals [frames, 39] of the thumbnails pushed since the last call."""
        if self._waiting:
            self._measured.append(self._signals.push(np.stack(self._waiting), last=True))
        found = np.asarray(np.concatenate([np.zeros((0, len(NAMES)), np.float32), *self._measured]), np.float32)
        self._signals.reset()
        self._waiting, self._measured = [], []
        return found


def _count_colours(frames: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """How many values of each channel are so low or lower, [N, 3 * 256], in [N, height, width, 3]."""
    channels = frames.reshape(len(frames), -1, 3) + np.arange(0, 768, 256)
    counts = [np.bincount(one, minlength=768).reshape(3, 256) for one in channels.reshape(len(frames), -1)]
    return np.asarray(np.cumsum(counts, axis=2, dtype=np.uint16).reshape(len(frames), -1))


def _measure(known: NDArray[np.uint8], ready: int) -> list[NDArray[np.float32]]:
    """The first fourteen signals of frames `_BEFORE` to `_BEFORE + ready` of [N, pixels]."""
    here = known[_BEFORE : _BEFORE + ready]
    columns = [np.log1p(_distance(here, _part(known, -lag, ready))) for lag in _LAGS]
    columns += [_bend(known, stretch, ready) for stretch in _STRETCHES]
    values = here.astype(np.float32) / 255
    return [*columns, values.mean(axis=1), values.std(axis=1)]


def _compare(known: _Frames, ready: int) -> list[NDArray[np.float32]]:
    """The other signals of the same frames: each compares the frames that lie `_SCALES` before and after it."""
    pictures, pixels = known.pictures, known.pictures.shape[1]
    step = np.asarray(cv2.absdiff(pictures[1:], pictures[:-1]), np.uint8)  # from frame i to i + 1
    way = np.concatenate([[0], np.cumsum(_sum(step), dtype=np.int64)])
    columns: dict[str, list[NDArray[np.float32]]] = {"ends": [], "colours": [], "straightness": [], "steps": []}
    places, width = np.arange(_BEFORE, _BEFORE + ready), 1
    for scale in _SCALES:
        ends = _distance(_part(pictures, -scale, ready), _part(pictures, scale, ready))
        # What lies between two such counts is the distance of the values when both are put in order.
        moved = cv2.absdiff(known.colours[places - scale], known.colours[places + scale]).sum(axis=1)
        passed = (way[places + scale] - way[places - scale]) / pixels
        # The largest step of each place within `width` frames, which doubles until it spans the stretch.
        while width < 2 * scale:
            step, width = np.maximum(step[:-width], step[width:]), 2 * width
        largest = _sum(step[_BEFORE - scale : _BEFORE - scale + ready]) / pixels
        columns["ends"].append(np.log1p(ends))
        columns["colours"].append(np.log1p(moved / pixels))
        columns["straightness"].append(ends / (passed + 1))
        columns["steps"].append(np.log1p(largest))
    return [*(one for part in columns.values() for one in part), _bend(pictures, max(_SCALES), ready)]


def _bend(known: NDArray[np.uint8], stretch: int, ready: int) -> NDArray[np.float32]:
    outer = _part(known, -stretch, ready), _part(known, stretch, ready)
    middle = np.asarray(cv2.addWeighted(outer[0], 0.5, outer[1], 0.5, 0), np.uint8).reshape(ready, -1)
    return np.asarray(_distance(_part(known, 0, ready), middle) / (_distance(*outer) + 1), np.float32)


def _part(known: NDArray[np.uint8], shift: int, ready: int) -> NDArray[np.uint8]:
    return known[_BEFORE + shift : _BEFORE + shift + ready]


def _distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mean absolute difference of each frame, in grey levels."""
    return np.asarray(_sum(np.asarray(cv2.absdiff(one, other), np.uint8)) / one.shape[1], np.float32)


def _sum(frames: NDArray[np.uint8]) -> NDArray[np.int32]:
    return np.asarray(cv2.reduce(frames, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0], np.int32)
