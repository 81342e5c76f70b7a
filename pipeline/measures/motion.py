"""Motion between two frames, split into camera and subject motion.

Dense flow (DIS, Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016) on the small luma; a
similarity transform (shift, zoom, roll) fitted to it with RANSAC is the camera motion, the residual is subject motion.
Everything is divided by the time between the two frames and by the diagonal. Frames are sampled at multiples of 1/6 s:
12, 24, 30 and 60 frames per second all have a frame at each, so that the same scene is compared at the same times and
scores the same.

    values = MotionMeter().measure(old, new, seconds=1 / 6)
"""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLE_SECONDS = 1 / 6
NAMES = ("seconds", "motion", "camera", "subject", "pan", "tilt", "zoom", "roll")
_GRID = 8  # every 8th pixel of the flow is enough for 4 parameters
_SMALLEST = 16  # pixels: minimum side for the flow's patches
# Pixels of the small luma by which inliers may deviate from the camera's transform: for RANSAC, and for the refinement.
_OUTLIER, _NARROWEST, _WIDEST = 0.5, 0.3, 1.0
_ROUNDS = 4
_ERROR = 0.15  # pixels of error in the flow itself
_SLOPE = 8.0  # levels between neighbours: below it, the flow is mostly noise and compression
_PIXEL = np.ones((3, 3), np.uint8)


class MotionMeter:
    """Measures motion between pairs of luma images."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        # Flow at half the luma's size instead of a quarter has an error of 0.1 instead of 0.5 pixels; patches that
        # overlap by a quarter instead of a half make up for the cost.
        self._flow.setFinestScale(1)
        self._flow.setPatchStride(6)

    def measure(self, old: NDArray[np.uint8], new: NDArray[np.uint8], seconds: float) -> tuple[float, ...] | None:
        """The values of `NAMES` for two lumas uint8 [H, W] `seconds` apart; None if too small for flow.

        `motion`, `camera` and `subject`: mean length of the flow and its parts, percent of the diagonal per second.
        `pan` > 0: the camera turns right (the image moves left); `tilt` > 0: it turns up; `zoom` > 0: it moves in;
        `roll` > 0: it rolls counterclockwise; same unit, the last two as the mean over the image.
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
        linear, shift = fit_camera(points, vectors, _texture(old))
        camera = linear * points + shift
        unit = 100 / (float(np.hypot(width, height)) * seconds)
        radius = float(np.mean(np.abs(points))) * unit
        return (
            seconds,
            float(np.mean(np.abs(vectors))) * unit,
            float(np.mean(np.abs(camera))) * unit,
            _residual_motion(points + camera, np.abs(vectors - camera), (width, height)) * unit,
            -shift.real * unit,
            shift.imag * unit,
            (abs(1 + linear) - 1) * radius,
            -float(np.angle(1 + linear)) * radius,
        )


@lru_cache(maxsize=8)
def _grid(height: int, width: int) -> NDArray[np.complex128]:
    """The sampled points relative to the image centre as x + iy, flattened: a similarity is z -> linear * z + shift."""
    across = np.arange(width // _GRID) * _GRID + _GRID // 2 - width / 2
    down = np.arange(height // _GRID) * _GRID + _GRID // 2 - height / 2
    return (across[np.newaxis] + 1j * down[:, np.newaxis]).ravel()


def _residual_motion(ends: NDArray[np.complex128], off: NDArray[np.float64], size: tuple[int, int]) -> float:
    """Mean deviation (pixels) of points from the camera's motion, less the error; of points that stay in the image."""
    inside = (np.abs(ends.real) < size[0] / 2) & (np.abs(ends.imag) < size[1] / 2)
    return float(np.mean(np.maximum(off[inside] - _ERROR, 0))) if inside.any() else 0.0


def fit_camera(
    points: NDArray[np.complex128], vectors: NDArray[np.complex128], texture: NDArray[np.float64]
) -> tuple[complex, complex]:
    """The similarity `vector = linear * point + shift` that most of the textured points follow.

    `points` and `vectors` [n] are x + iy in pixels, `texture` [n] weights. RANSAC gives an estimate; a few rounds of
    least squares, reweighted by Tukey's biweight of the residuals, refine it.
    """
    start, end = (array.view(np.float64).reshape(-1, 2).astype(np.float32) for array in (points, points + vectors))
    cv2.setRNGSeed(0)  # RANSAC draws at random; equal input must give equal numbers
    matrix, _ = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=_OUTLIER, maxIters=500, refineIters=0)
    linear, shift = 0j, 0j
    if matrix is not None:
        linear, shift = complex(matrix[0, 0] - 1, matrix[1, 0]), complex(matrix[0, 2], matrix[1, 2])
    for _ in range(_ROUNDS):
        off = np.abs(vectors - linear * points - shift)
        reach = min(_WIDEST, max(_NARROWEST, 4 * float(np.partition(off, len(off) // 2)[len(off) // 2])))
        weights = texture * np.maximum(1 - (off / reach) ** 2, 0) ** 2
        weights /= max(1e-9, float(weights.sum()))
        point, vector = complex(weights @ points), complex(weights @ vectors)
        spread = float(weights @ (points.real**2 + points.imag**2)) - abs(point) ** 2
        linear = (complex((weights * vectors) @ points.conj()) - vector * point.conjugate()) / max(1e-9, spread)
        shift = vector - linear * point
    return linear, shift


def _texture(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The weight of each grid point, 0.1 (uniform) to 1 (textured), from the local slope of brightness."""
    height, width = (side // _GRID * _GRID for side in luma.shape)
    slope = cv2.morphologyEx(luma[:height, :width], cv2.MORPH_GRADIENT, _PIXEL)
    mean = cv2.resize(slope, (width // _GRID, height // _GRID), interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    return np.asarray(0.1 + 0.9 * mean**2 / (mean**2 + _SLOPE**2), np.float64)


def summarise_motion(pairs: NDArray[np.float64]) -> dict[str, float | None]:
    """Columns of a clip from its pairs [n, len(NAMES)]: time-weighted means, None without any pair."""
    names = ("motion", "camera_motion", "subject_motion")
    if not len(pairs):
        return dict.fromkeys(names)
    means = np.average(pairs[:, 1:4], axis=0, weights=pairs[:, 0])
    return {name: round(float(mean), 6) for name, mean in zip(names, means, strict=True)}
