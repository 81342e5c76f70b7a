"""Motion between two frames, split into the camera's and the subject's part.

Dense flow (DIS, Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016) on the small luma; a
similarity transform (shift, zoom, roll) fitted to it with RANSAC is the camera, what it leaves over is the subject.
Everything is divided by the time between the two frames and by the picture's diagonal. Frames are taken at ticks of
1/6 s: 12, 24, 30 and 60 frames per second all have a frame at each, so that the same scene is compared at the same
times and scores the same.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLE_SECONDS = 1 / 6
NAMES = ("seconds", "motion", "camera", "subject", "pan", "tilt", "zoom", "roll")
_GRID = 8  # every 8th pixel of the flow is enough for 4 parameters
_SMALLEST = 16  # pixels: the flow's patches need that much
_OUTLIER = 0.5  # pixels of the small luma that a point may lie off the camera's transform


class MotionMeter:
    """Measures pairs of pictures."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def measure(self, old: NDArray[np.uint8], new: NDArray[np.uint8], seconds: float) -> tuple[float, ...] | None:
        """The values of `NAMES` for two lumas of one shape, `seconds` apart; None if they are too small for flow.

        `motion`, `camera` and `subject`: mean length of the flow and its parts, percent of the diagonal per second.
        `pan` > 0: the camera turns right (the picture moves left); `tilt` > 0: it turns up; `zoom` > 0: it moves in;
        `roll` > 0: it rolls counterclockwise; same unit, the last two as the mean over the picture.
        """
        if min(old.shape) < _SMALLEST or old.shape != new.shape:
            return None
        if np.array_equal(old, new):
            return (seconds, *(0.0,) * (len(NAMES) - 1))
        flow: Any = self._flow.calc(old, new, None)  # type: ignore[call-overload]
        height, width = old.shape
        grid = np.mgrid[_GRID // 2 : height : _GRID, _GRID // 2 : width : _GRID].reshape(2, -1)
        points = grid[::-1].T.astype(np.float32)
        vectors = flow[grid[0], grid[1]]
        cv2.setRNGSeed(0)  # RANSAC draws at random; equal input must give equal numbers
        matrix, _ = cv2.estimateAffinePartial2D(points, points + vectors, ransacReprojThreshold=_OUTLIER)
        fitted: Any = np.eye(2, 3) if matrix is None else matrix
        camera = points @ fitted[:, :2].T + fitted[:, 2] - points
        unit = 100 / (float(np.hypot(width, height)) * seconds)
        middle = np.array([width / 2, height / 2])
        shift = (fitted[:, :2] @ middle + fitted[:, 2] - middle) * unit
        radius = float(np.mean(np.hypot(*(points - middle).T))) * unit
        return (
            seconds,
            _mean_length(vectors) * unit,
            _mean_length(camera) * unit,
            _mean_length(vectors - camera) * unit,
            -float(shift[0]),
            float(shift[1]),
            (float(np.hypot(fitted[0, 0], fitted[1, 0])) - 1) * radius,
            float(np.arctan2(fitted[1, 0], fitted[0, 0])) * radius,
        )


def _mean_length(vectors: NDArray[np.floating[Any]]) -> float:
    return float(np.mean(np.hypot(vectors[:, 0], vectors[:, 1])))


def summarise_motion(pairs: NDArray[np.float64]) -> dict[str, float | None]:
    """Columns of a clip from its pairs [n, len(NAMES)]: time-weighted means, null without any pair."""
    names = ("motion", "camera_motion", "subject_motion")
    if not len(pairs):
        return dict.fromkeys(names)
    means = np.average(pairs[:, 1:4], axis=0, weights=pairs[:, 0])
    return {name: round(float(mean), 6) for name, mean in zip(names, means, strict=True)}
