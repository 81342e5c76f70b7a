"""A clip's camera motion as a label, with a confidence.

label, confidence = label_camera(pairs)
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.measures.jitter import WINDOW, measure_jitter, shaken_share

LABELS = ("static", "pan left", "pan right", "tilt up", "tilt down", "zoom in", "zoom out", "handheld", "moving")
_STILL = 1.0  # percent of the diagonal per second below which a camera counts as static
_STEADY = 0.6  # minimum share of the camera's path in one direction for a pan, tilt or zoom
_SHAKEN = 0.5  # minimum share of the camera's path that is shake in a handheld shot ...
_JITTER = 0.1  # ... and minimum shake, percent of the diagonal: 2 pixels of a 1080-line image
_MOVES = (("pan right", "pan left"), ("tilt up", "tilt down"), ("zoom in", "zoom out"), ("", ""))


def label_camera(pairs: NDArray[np.float64]) -> tuple[str | None, float | None]:
    """Label and confidence (0 to 1) of a clip from its pairs [n, 8] (rows of `motion.NAMES`); (None, None) if n = 0.

    The confidence is, for `static`, the share of time in which the camera is static; for a direction, the share of its
    path (shift, zoom and roll added up) in that direction; for `handheld`, the share of its path that is shake; for
    `moving` (none of these), the share of its path without a prevailing direction.
    """
    if not len(pairs):
        return None, None
    seconds, speed = pairs[:, 0], pairs[:, 2]
    if float(np.average(speed, weights=seconds)) < _STILL:
        return "static", _round(np.average(speed < _STILL, weights=seconds))
    steps = pairs[:, 4:8] * pairs[:, :1]
    shares = np.sum(steps, axis=0) / max(1e-12, float(np.sum(np.abs(steps))))
    best = int(np.argmax(np.abs(shares)))
    share = float(abs(shares[best]))
    name = _MOVES[best][0 if shares[best] > 0 else 1]
    if share >= _STEADY and name:
        return name, _round(share)
    jitter, shaken = measure_jitter(pairs), shaken_share(pairs)
    if len(pairs) >= WINDOW and (jitter or 0.0) >= _JITTER and shaken >= _SHAKEN:
        return "handheld", _round(shaken)
    return "moving", _round(1 - share if name else 1.0)


def _round(value: float | np.floating) -> float:
    return round(float(value), 4)
