"""Motion between two frames, split into the camera's and the subject's part.

Dense flow (DIS, Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016) on the small luma; a
similarity transform (shift, zoom, roll) fitted to it with RANSAC is the camera, what it leaves over is the subject.
Everything is divided by the time between the two frames and by the picture's diagonal. Frames are taken at ticks of
1/6 s: 12, 24, 30 and 60 frames per second all have a frame at each, so that the same scene is compared at the same
times and scores the same.
"""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLE_SECONDS = 1 / 6
NAMES = ("seconds", "motion", "camera", "subject", "pan", "tilt", "zoom", "roll")
_GRID = 8  # every 8th pixel of the flow is enough for 4 parameters
_SMALLEST = 16  # pixels: the flow's patches need that much
# Pixels of the small luma that a point may lie off the camera's transform: for RANSAC, and for the rounds after it.
_OUTLIER, _NARROWEST, _WIDEST = 0.5, 0.3, 1.0
_ROUNDS = 4
_ERROR = 0.15  # pixels that the flow itself is off
_SLOPE = 8.0  # levels between neighbours: where it is less, noise and compression make up the flow
_PIXEL = np.ones((3, 3), np.uint8)


class MotionMeter:
    """Measures pairs of pictures."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        # Flow at half the luma's size instead of a quarter errs by 0.1 instead of 0.5 pixels; patches that overlap by a
        # quarter instead of a half make it as cheap again.
        self._flow.setFinestScale(1)
        self._flow.setPatchStride(6)

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
        height, width = old.shape
        points = _grid(height, width)
        flow: Any = self._flow.calc(old, new, None)  # type: ignore[call-overload]
        sampled = flow[_GRID // 2 :: _GRID, _GRID // 2 :: _GRID][: height // _GRID, : width // _GRID]
        vectors = np.ascontiguousarray(sampled, np.float64).view(np.complex128).ravel()
        turn, shift = fit_camera(points, vectors, _texture(old))
        camera = turn * points + shift
        unit = 100 / (float(np.hypot(width, height)) * seconds)
        radius = float(np.mean(np.abs(points))) * unit
        return (
            seconds,
            float(np.mean(np.abs(vectors))) * unit,
            float(np.mean(np.abs(camera))) * unit,
            _left_over(points + camera, np.abs(vectors - camera), (width, height)) * unit,
            -shift.real * unit,
            shift.imag * unit,
            (abs(1 + turn) - 1) * radius,
            -float(np.angle(1 + turn)) * radius,
        )


@lru_cache(maxsize=8)
def _grid(height: int, width: int) -> NDArray[np.complex128]:
    """The points that are looked at, from the picture's centre, as x + iy: a similarity is z -> turn * z + shift."""
    across = np.arange(width // _GRID) * _GRID + _GRID // 2 - width / 2
    down = np.arange(height // _GRID) * _GRID + _GRID // 2 - height / 2
    return (across[np.newaxis] + 1j * down[:, np.newaxis]).ravel()


def _left_over(ends: NDArray[np.complex128], off: NDArray[np.float64], size: tuple[int, int]) -> float:
    """Mean pixels that points are off the camera's motion, of those that it leaves in the picture, less the error."""
    inside = (np.abs(ends.real) < size[0] / 2) & (np.abs(ends.imag) < size[1] / 2)
    return float(np.mean(np.maximum(off[inside] - _ERROR, 0))) if inside.any() else 0.0


def fit_camera(
    points: NDArray[np.complex128], vectors: NDArray[np.complex128], texture: NDArray[np.float64]
) -> tuple[complex, complex]:
    """The similarity `vector = turn * point + shift` that most of the textured points follow.

    RANSAC finds it roughly; a few rounds of least squares, reweighted by Tukey's biweight of what each point is off,
    make it exact.
    """
    start, end = (one.view(np.float64).reshape(-1, 2).astype(np.float32) for one in (points, points + vectors))
    cv2.setRNGSeed(0)  # RANSAC draws at random; equal input must give equal numbers
    matrix, _ = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=_OUTLIER, maxIters=500, refineIters=0)
    turn, shift = 0j, 0j
    if matrix is not None:
        turn, shift = complex(matrix[0, 0] - 1, matrix[1, 0]), complex(matrix[0, 2], matrix[1, 2])
    for _ in range(_ROUNDS):
        off = np.abs(vectors - turn * points - shift)
        reach = min(_WIDEST, max(_NARROWEST, 4 * float(np.partition(off, len(off) // 2)[len(off) // 2])))
        weights = texture * np.maximum(1 - (off / reach) ** 2, 0) ** 2
        weights /= max(1e-9, float(weights.sum()))
        point, vector = complex(weights @ points), complex(weights @ vectors)
        spread = float(weights @ (points.real**2 + points.imag**2)) - abs(point) ** 2
        turn = (complex((weights * vectors) @ points.conj()) - vector * point.conjugate()) / max(1e-9, spread)
        shift = vector - turn * point
    return turn, shift


def _texture(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How far each point of the grid can be trusted to show motion, 0.1 (plain) to 1, by the slope of brightness."""
    height, width = (one // _GRID * _GRID for one in luma.shape)
    slope = cv2.morphologyEx(luma[:height, :width], cv2.MORPH_GRADIENT, _PIXEL)
    mean = cv2.resize(slope, (width // _GRID, height // _GRID), interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    return np.asarray(0.1 + 0.9 * mean**2 / (mean**2 + _SLOPE**2), np.float64)


def summarise_motion(pairs: NDArray[np.float64]) -> dict[str, float | None]:
    """Columns of a clip from its pairs [n, len(NAMES)]: time-weighted means, null without any pair."""
    names = ("motion", "camera_motion", "subject_motion")
    if not len(pairs):
        return dict.fromkeys(names)
    means = np.average(pairs[:, 1:4], axis=0, weights=pairs[:, 0])
    return {name: round(float(mean), 6) for name, mean in zip(names, means, strict=True)}
