"""Cheap change signals from thumbnails, frame by frame, which distinguish a dissolve from motion.

At a cut everything changes at once: the difference to the previous frame stands out. A dissolve is a linear blend of
two images: over a stretch of frames the middle one is the mean of the outer two, while the outer two differ a lot
("bend" is the distance from that mean); moving objects are nowhere near it. Fades and flashes show in the brightness.

Moving objects keep their colours, so the per-channel histograms differ only between scenes ("colours"). A transition
is monotonic: over a stretch of frames the summed frame-to-frame change is the difference between its ends
("straightness" is their ratio), and where the edge of a wipe passes, it happens in one step ("steps").

    signals = Signals().push(thumbnails, last=True)       # [N, 27, 48, 3] to [N, 39]
    python -m pytest tests/pipeline/stages/split/detectors/test_signals.py
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_LAGS = (1, 2, 4, 8, 16, 32, 64)
_STRETCHES = (2, 4, 8, 16, 32)
_SCALES = (2, 4, 8, 16, 32, 64)
_PUSH = 100  # frames per push
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
    """Flattened thumbnails [N, 3888], and the cumulative histogram of each channel [N, 768]."""

    thumbnails: NDArray[np.uint8]
    colours: NDArray[np.uint16]

    def then(self, more: "_Frames") -> "_Frames":
        thumbnails = np.concatenate([self.thumbnails, more.thumbnails])
        return _Frames(thumbnails, np.concatenate([self.colours, more.colours]))

    def repeated(self, index: int, times: int) -> "_Frames":
        return _Frames(
            np.repeat(self.thumbnails[index][None], times, axis=0), np.repeat(self.colours[index][None], times, axis=0)
        )


class Signals:
    """Signals of a stream of thumbnails [27, 48, 3], with a delay of 64 frames."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start a new stream."""
        self._known: _Frames | None = None

    def push(self, frames: NDArray[np.uint8], *, last: bool) -> NDArray[np.float32]:
        """Process the next frames [N, 27, 48, 3], uint8, N >= 1; with `last` the stream ends with them.

        Returns [ready, 39], float32, in the order of `NAMES`: logs of differences in grey levels; bends from 0 (a
        linear blend) to about 1; light, contrast and straightness from 0 to 1. The first and last frame of the video
        are repeated beyond its ends.
        """
        seen = _Frames(frames.reshape(len(frames), -1), _count_colours(frames))
        before = seen.repeated(0, _BEFORE) if self._known is None else self._known
        known = before.then(seen).then(seen.repeated(-1, _AFTER if last else 0))
        ready = max(0, len(known.thumbnails) - _BEFORE - _AFTER)
        self._known = _Frames(known.thumbnails[ready:], known.colours[ready:])
        if not ready:
            return np.zeros((0, len(NAMES)), np.float32)
        columns = [*_measure(known.thumbnails, ready), *_compare(known, ready)]
        return np.stack(columns, axis=1).astype(np.float32)


class SignalStream:
    """Signals of one video after another, fed one thumbnail at a time."""

    def __init__(self) -> None:
        self._signals = Signals()
        self._waiting: list[NDArray[np.uint8]] = []
        self._measured: list[NDArray[np.float32]] = []

    def push(self, thumbnail: NDArray[np.uint8]) -> None:
        """Process the next thumbnail, RGB [27, 48, 3], uint8."""
        self._waiting.append(thumbnail)
        # Keep at least one frame back: the last push must not be empty.
        if len(self._waiting) > _PUSH:
            self._measured.append(self._signals.push(np.stack(self._waiting[:_PUSH]), last=False))
            self._waiting = self._waiting[_PUSH:]

    def finish(self) -> NDArray[np.float32]:
        """The signals [frames, 39] of the thumbnails pushed since the last call."""
        if self._waiting:
            self._measured.append(self._signals.push(np.stack(self._waiting), last=True))
        signals = np.asarray(np.concatenate([np.zeros((0, len(NAMES)), np.float32), *self._measured]), np.float32)
        self._signals.reset()
        self._waiting, self._measured = [], []
        return signals


def _count_colours(frames: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Cumulative histograms [N, 3 * 256] of each channel of frames [N, H, W, 3]."""
    channels = frames.reshape(len(frames), -1, 3) + np.arange(0, 768, 256)
    counts = [np.bincount(values, minlength=768).reshape(3, 256) for values in channels.reshape(len(frames), -1)]
    return np.asarray(np.cumsum(counts, axis=2, dtype=np.uint16).reshape(len(frames), -1))


def _measure(known: NDArray[np.uint8], ready: int) -> list[NDArray[np.float32]]:
    """The first fourteen signals of frames [_BEFORE, _BEFORE + ready) of thumbnails [N, values]."""
    here = known[_BEFORE : _BEFORE + ready]
    columns = [np.log1p(_distance(here, _part(known, -lag, ready))) for lag in _LAGS]
    columns += [_bend(known, stretch, ready) for stretch in _STRETCHES]
    values = here.astype(np.float32) / 255
    return [*columns, values.mean(axis=1), values.std(axis=1)]


def _compare(known: _Frames, ready: int) -> list[NDArray[np.float32]]:
    """The other signals of the same frames, which compare the frames `_SCALES` before and after each."""
    thumbnails, pixels = known.thumbnails, known.thumbnails.shape[1]
    step = np.asarray(cv2.absdiff(thumbnails[1:], thumbnails[:-1]), np.uint8)  # from frame i to i + 1
    way = np.concatenate([[0], np.cumsum(_sum(step), dtype=np.int64)])
    columns: dict[str, list[NDArray[np.float32]]] = {"ends": [], "colours": [], "straightness": [], "steps": []}
    indices, width = np.arange(_BEFORE, _BEFORE + ready), 1
    for scale in _SCALES:
        ends = _distance(_part(thumbnails, -scale, ready), _part(thumbnails, scale, ready))
        # The difference of two cumulative histograms is the distance between their sorted values.
        moved = cv2.absdiff(known.colours[indices - scale], known.colours[indices + scale]).sum(axis=1)
        passed = (way[indices + scale] - way[indices - scale]) / pixels
        # The largest step of each value within `width` frames; `width` doubles until it spans the stretch.
        while width < 2 * scale:
            step, width = np.maximum(step[:-width], step[width:]), 2 * width
        largest = _sum(step[_BEFORE - scale : _BEFORE - scale + ready]) / pixels
        columns["ends"].append(np.log1p(ends))
        columns["colours"].append(np.log1p(moved / pixels))
        columns["straightness"].append(ends / (passed + 1))
        columns["steps"].append(np.log1p(largest))
    return [*(column for part in columns.values() for column in part), _bend(thumbnails, max(_SCALES), ready)]


def _bend(known: NDArray[np.uint8], stretch: int, ready: int) -> NDArray[np.float32]:
    outer = _part(known, -stretch, ready), _part(known, stretch, ready)
    middle = np.asarray(cv2.addWeighted(outer[0], 0.5, outer[1], 0.5, 0), np.uint8).reshape(ready, -1)
    return np.asarray(_distance(_part(known, 0, ready), middle) / (_distance(*outer) + 1), np.float32)


def _part(known: NDArray[np.uint8], shift: int, ready: int) -> NDArray[np.uint8]:
    return known[_BEFORE + shift : _BEFORE + shift + ready]


def _distance(frames: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mean absolute difference of each frame, [N], in grey levels; frames are [N, values]."""
    return np.asarray(_sum(np.asarray(cv2.absdiff(frames, other), np.uint8)) / frames.shape[1], np.float32)


def _sum(frames: NDArray[np.uint8]) -> NDArray[np.int32]:
    return np.asarray(cv2.reduce(frames, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0], np.int32)
