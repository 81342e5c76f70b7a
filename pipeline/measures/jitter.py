"""Jitter: how far the camera's path deviates from its own smoothed path.

The path (shift right and up, percent of the diagonal) is the sum over pairs of frames, at 6 points a second; its moving
average over 5 points is the smoothed path, which a steady pan follows exactly. Shake from about 1 Hz up is measured.
Above 3 Hz it is aliased to a lower frequency but keeps its amplitude, except at multiples of 6 Hz, which look static.
Shake in zoom and roll is not measured.

    jitter = measure_jitter(pairs)
"""

import numpy as np
from numpy.typing import NDArray

WINDOW = 5


def measure_jitter(pairs: NDArray[np.float64]) -> float | None:
    """Root mean square distance of the path from its smoothed path, percent of the diagonal; None if too short.

    `pairs` [n, 8] are rows of `pipeline.measures.motion.NAMES`.
    """
    steps = pairs[:, 4:6] * pairs[:, :1]
    path = np.vstack([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    if len(path) <= WINDOW:
        return None
    smooth = np.stack([np.convolve(axis, np.full(WINDOW, 1 / WINDOW), "valid") for axis in path.T], axis=1)
    shake = path[WINDOW // 2 : -(WINDOW // 2)] - smooth
    return round(float(np.sqrt(np.mean(np.sum(shake**2, axis=1)))), 6)


def shaken_share(pairs: NDArray[np.float64]) -> float:
    """Share (0 to 1) of the path's length that is shake: deviation of steps from their moving average."""
    steps = pairs[:, 4:6] * pairs[:, :1]
    counts = np.convolve(np.ones(len(steps)), np.ones(WINDOW), "same")
    smooth = np.stack([np.convolve(axis, np.ones(WINDOW), "same") / counts for axis in steps.T], axis=1)
    length = float(np.sum(np.hypot(*steps.T)))
    return min(1.0, float(np.sum(np.hypot(*(steps - smooth).T))) / length) if length else 0.0
