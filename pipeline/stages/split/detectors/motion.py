"""Motion-compensated differences between thumbnails, which distinguish a cut from a fast camera move.

A pan changes every pixel as a cut does, but each of its pixels was somewhere else a moment ago. Dense optical flow
(Farnebäck 2003, "Two-frame motion estimation based on polynomial expansion") between a thumbnail and an earlier one
says where. The earlier one is warped to the later one, and the residual is new content.

    stream = MotionStream()
    stream.push(thumbnail)           # for each frame
    signals = stream.finish()        # [frames, 12]
    python -m pytest tests/pipeline/stages/split/detectors/test_motion.py
"""

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

_LAGS = (1, 2, 4, 8)
NAMES = tuple(f"{name} over {lag}" for lag in _LAGS for name in ("left", "share left", "way"))
# Frames that differ by less (mean, in grey levels) count as the same: the flow would follow noise.
_SAME = 0.3
_HALVED, _LEVELS, _WINDOW, _ROUNDS, _NEIGHBOURS, _SMOOTHING = 0.5, 2, 9, 2, 5, 1.1


class MotionStream:
    """Motion signals of one video after another, fed one thumbnail at a time."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._past: deque[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = deque(maxlen=max(_LAGS))
        self._measured: list[float] = []

    def push(self, thumbnail: NDArray[np.uint8]) -> None:
        """Process the next thumbnail, RGB [27, 48, 3], uint8."""
        seen = thumbnail, np.asarray(cv2.cvtColor(thumbnail, cv2.COLOR_RGB2GRAY), np.uint8)
        for lag in _LAGS:
            # The first frame is repeated before the start of the video.
            before = self._past[-min(lag, len(self._past))] if self._past else seen
            self._measured += _compare(*before, *seen)
        self._past.append(seen)

    def finish(self) -> NDArray[np.float32]:
        """The signals [frames, 12] of the thumbnails pushed since the last call, in the order of `NAMES`.

        "left" is the log of the residual in grey levels, "share left" its share of the change (0 to about 1), and
        "way" the log of the mean flow in pixels. All are 0 where nothing changes. float32.
        """
        signals = np.array(self._measured, np.float32).reshape(-1, len(NAMES))
        self._reset()
        return signals


def _compare(
    old: NDArray[np.uint8], old_gray: NDArray[np.uint8], new: NDArray[np.uint8], new_gray: NDArray[np.uint8]
) -> tuple[float, float, float]:
    """The three signals of two thumbnails [27, 48, 3], given with their grey levels [27, 48]."""
    change = cv2.norm(old, new, cv2.NORM_L1) / new.size
    if change < _SAME:
        return 0.0, 0.0, 0.0
    flow = np.zeros((*new_gray.shape, 2), np.float32)
    cv2.calcOpticalFlowFarneback(
        new_gray, old_gray, flow, _HALVED, _LEVELS, _WINDOW, _ROUNDS, _NEIGHBOURS, _SMOOTHING, 0
    )
    rows, columns = np.indices(new_gray.shape, np.float32)
    warped = cv2.remap(
        old, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    left = cv2.norm(warped, new, cv2.NORM_L1) / new.size
    way = cv2.norm(flow, cv2.NORM_L1) / new_gray.size
    return float(np.log1p(min(left, change))), left / (change + 1), float(np.log1p(way))
