"""Where a wipe begins and ends: a straight edge that crosses the picture at an even speed, fitted to its places.

Every place of the picture shows the old shot until the edge passes it, then the new one. When it passes is the moment
that best divides the place's colours in two; these moments lie on a plane over the picture, and its lowest and highest
corner are the wipe's ends, even if nothing is to be seen there. Places that move for themselves lie anywhere; the plane
is the one that most of the change agrees with.

    python -m pytest tests/pipeline/stages/split/detectors/test_ramp.py
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.split.detectors.ramp import Numbers, Ramp

# The share of the change that must lie on the plane, and how near, as a share of the wipe's length.
_AGREEMENT, _NEAR = 0.6, 0.04
# A plane that rises less over the picture than this share of what the detector marked is no moving edge.
_LEAST_RISE = 0.3
# The edge is soft: it enters before its middle does.
_SOFT = 0.02
# Directions from which the plane is looked for: the share of the length that each axis takes.
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.5, 0.5), (0.5, -0.5), (-0.5, 0.5), (-0.5, -0.5))
_STEPS, _WIDEST, _NARROWING, _NARROWEST = 15, 0.25, 0.75, 0.03
_BLACK = 8  # grey levels


def fit_wipe(times: Numbers, pictures: NDArray[np.uint8], first: int, last: int) -> Ramp | None:
    """The wipe near frames `first` to `last` of [frames, height, width, 3], shown at `times`; None if it is none."""
    moments, weights = _crossings(times, pictures)
    if not weights.sum():
        return None
    height, width = pictures.shape[1:3]
    rows, columns = np.mgrid[0:height, 0:width]
    across, down = (columns.ravel() + 0.5) / width, (rows.ravel() + 0.5) / height
    places = np.stack([np.ones(width * height), across, down], axis=1)
    length = times[min(last + 1, len(times) - 1)] - times[max(first - 1, 0)]
    middle = (times[first] + times[last]) / 2
    best, agreement = np.zeros(3), -1.0
    for horizontal, vertical in _DIRECTIONS:
        start = middle - (horizontal + vertical) / 2 * length
        plane = np.array([start, horizontal * length, vertical * length])
        plane = _settle(plane, places, moments, weights, length)
        near = float(weights @ np.exp(-0.5 * ((moments - places @ plane) / (_NEAR * length)) ** 2) / weights.sum())
        if near > agreement:
            best, agreement = plane, near
    side, top = (_bar(pictures, axis) for axis in (2, 1))
    corners = [float(best @ (1, x, y)) for x in (side, 1 - side) for y in (top, 1 - top)]
    rise = max(corners) - min(corners)
    if agreement < _AGREEMENT or rise < _LEAST_RISE * length:
        return None
    return Ramp(min(corners) - _SOFT * rise, max(corners) + _SOFT * rise)


def _crossings(times: Numbers, pictures: NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
    """When each place changes from one shot to the other, and how much that says: its contrast, if it is a step."""
    count = len(pictures)
    colors = pictures.reshape(count, -1, 3).astype(np.float64)
    colors -= colors.mean(axis=0)
    before = np.cumsum(colors, axis=0)[:-1]
    frames = np.arange(1, count)[:, None]
    # The variance between the frames before and after each moment (as in Otsu's threshold).
    between = (before**2).sum(axis=2) * (count / (frames * (count - frames)))
    best, explained, total = between.argmax(axis=0), between.max(axis=0), (colors**2).sum(axis=(0, 2))
    return (times[best] + times[best + 1]) / 2, explained * (explained / np.maximum(total, 1e-6)) ** 2


def _settle(plane: Numbers, places: Numbers, moments: Numbers, weights: Numbers, length: float) -> Numbers:
    """The plane near this one that most weight agrees with: least squares again and again, ever less of the far."""
    for step in range(_STEPS):
        near = length * max(_WIDEST * _NARROWING**step, _NARROWEST)
        counted = weights / (1 + ((moments - places @ plane) / near) ** 2) ** 2
        weighted = places * (counted / counted.sum())[:, None]
        plane = np.linalg.solve(weighted.T @ places + 1e-9 * np.eye(3), weighted.T @ moments)
    return plane


def _bar(pictures: NDArray[np.uint8], axis: int) -> float:
    """How far black bars reach in from both ends of an axis of [frames, height, width, 3], as a share of it."""
    others = tuple(one for one in range(4) if one != axis)
    lit = np.flatnonzero(pictures.max(axis=others) >= _BLACK)
    return min(lit[0], pictures.shape[axis] - 1 - lit[-1]) / pictures.shape[axis] if len(lit) else 0
