"""Find the start and end of a wipe by fitting a straight edge that crosses the frame at constant speed.

Every pixel shows the old shot until the edge passes it, then the new one. The moment it passes is the one that best
splits the pixel's colours over time into two groups. For a wipe these moments lie on a plane over the frame, and the
plane's lowest and highest corners are the ends of the wipe, even if nothing is visible there. Pixels that change
because something moves may lie anywhere; the plane is the one that most of the change agrees with.

    ramp = fit_wipe(times, images, first=20, last=45)     # images [frames, H, W, 3]
    python -m pytest tests/pipeline/stages/split/detectors/test_ramp.py
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.split.detectors.ramp import Numbers, Ramp

# The share of the change that must lie near the plane, and how near, as a share of the wipe's length.
_AGREEMENT, _NEAR = 0.6, 0.04
# A plane that rises over the frame by less than this share of the marked length is not a moving edge.
_LEAST_RISE = 0.3
# The edge is soft: its front enters the frame before its middle does.
_SOFT = 0.02
# Directions of the initial planes: the share of the wipe's length along each axis.
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.5, 0.5), (0.5, -0.5), (-0.5, 0.5), (-0.5, -0.5))
_STEPS, _WIDEST, _NARROWING, _NARROWEST = 15, 0.25, 0.75, 0.03
_BLACK = 8  # grey levels


def fit_wipe(times: Numbers, images: NDArray[np.uint8], first: int, last: int) -> Ramp | None:
    """The wipe near frames `first` to `last` of images [frames, H, W, 3], shown at `times` (seconds), or None."""
    moments, weights = _crossings(times, images)
    if not weights.sum():
        return None
    height, width = images.shape[1:3]
    rows, columns = np.mgrid[0:height, 0:width]
    across, down = (columns.ravel() + 0.5) / width, (rows.ravel() + 0.5) / height
    positions = np.stack([np.ones(width * height), across, down], axis=1)
    length = times[min(last + 1, len(times) - 1)] - times[max(first - 1, 0)]
    middle = (times[first] + times[last]) / 2
    best, agreement = np.zeros(3), -1.0
    for horizontal, vertical in _DIRECTIONS:
        start = middle - (horizontal + vertical) / 2 * length
        plane = np.array([start, horizontal * length, vertical * length])
        plane = _settle(plane, positions, moments, weights, length)
        near = float(weights @ np.exp(-0.5 * ((moments - positions @ plane) / (_NEAR * length)) ** 2) / weights.sum())
        if near > agreement:
            best, agreement = plane, near
    side, top = (_bar(images, axis) for axis in (2, 1))
    corners = [float(best @ (1, x, y)) for x in (side, 1 - side) for y in (top, 1 - top)]
    rise = max(corners) - min(corners)
    if agreement < _AGREEMENT or rise < _LEAST_RISE * length:
        return None
    return Ramp(min(corners) - _SOFT * rise, max(corners) + _SOFT * rise)


def _crossings(times: Numbers, images: NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
    """When each pixel changes from one shot to the other, [pixels], and its weight: its contrast if it is a step."""
    count = len(images)
    colors = images.reshape(count, -1, 3).astype(np.float64)
    colors -= colors.mean(axis=0)
    before = np.cumsum(colors, axis=0)[:-1]
    frames = np.arange(1, count)[:, None]
    # The variance between the frames before and after each moment (as in Otsu's threshold).
    between = (before**2).sum(axis=2) * (count / (frames * (count - frames)))
    best, explained, total = between.argmax(axis=0), between.max(axis=0), (colors**2).sum(axis=(0, 2))
    return (times[best] + times[best + 1]) / 2, explained * (explained / np.maximum(total, 1e-6)) ** 2


def _settle(plane: Numbers, positions: Numbers, moments: Numbers, weights: Numbers, length: float) -> Numbers:
    """Refine the plane by iteratively reweighted least squares, with less and less weight for pixels far from it."""
    for step in range(_STEPS):
        near = length * max(_WIDEST * _NARROWING**step, _NARROWEST)
        counted = weights / (1 + ((moments - positions @ plane) / near) ** 2) ** 2
        weighted = positions * (counted / counted.sum())[:, None]
        plane = np.linalg.solve(weighted.T @ positions + 1e-9 * np.eye(3), weighted.T @ moments)
    return plane


def _bar(images: NDArray[np.uint8], axis: int) -> float:
    """The width of the black bars at both ends of an axis of images [frames, H, W, 3], as a share of the axis."""
    others = tuple(dimension for dimension in range(4) if dimension != axis)
    lit = np.flatnonzero(images.max(axis=others) >= _BLACK)
    return min(lit[0], images.shape[axis] - 1 - lit[-1]) / images.shape[axis] if len(lit) else 0
