"""Find the start and end of a dissolve or a fade by fitting a linear blend to all of its frames.

The first and last frames of a long transition contain about one percent of the other shot, which no detector sees frame
by frame. But editing programs blend linearly in time (also if the frame rate varies), so all frames together determine
where the blend starts and ends. Each shot is modelled as a still image. If the shots move so much that the blend
explains little of the change, the fit is rejected.

A dissolve is modelled as `(1 - share) old + share new`. A fade goes to a third image (black or white, with or without
bars) in its first half and on to the new shot in its second half. For given ends the best images follow by linear least
squares, so only the two ends are searched.

    ramp = fit_ramp(times, images, first=20, last=45)     # images [frames, values]
    python -m pytest tests/pipeline/stages/split/detectors/test_ramp.py
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
# Both ends are searched on a grid of _GRID values each, in _ROUNDS rounds; each round scales the grid by _SHRINK.
_GRID, _ROUNDS, _SHRINK = 11, 4, 0.23
# Search range around the detector's ends: share of the transition's length, and at least so many frames.
_REACH_SHARE, _REACH_FRAMES = 0.25, 3
# More frames do not improve the fit; longer transitions are subsampled.
_MOST_FRAMES = 200
# It is a fade if the fade model leaves less than this share of the dissolve model's residual.
_FADE = 0.25
# Maximum residual of a fit, as a share of the change's root mean square: for exact ends of a dissolve, for approximate
# ends of a dissolve, for exact ends of a fade.
_EXACT_DISSOLVE, _USEFUL_DISSOLVE, _EXACT_FADE = 0.25, 0.35, 0.5


@dataclass(frozen=True, slots=True)
class Ramp:
    """A transition: the blend starts at `start`, and from `end` on only the new shot is visible. Both in seconds.

    If it is not `exact`, its ends may be off by some frames.
    """

    start: float
    end: float
    exact: bool = True


def fit_ramp(times: Numbers, images: Numbers, first: int, last: int) -> Ramp | None:
    """The dissolve or fade near frames `first` to `last` of images [frames, values], shown at `times`; None if neither.

    `times` [frames] are in seconds. The frames must include unmixed ones of both shots, and none of a third shot.
    """
    step = -(-len(times) // _MOST_FRAMES)
    sampled_times, values = times[::step], images[::step]
    values = values - values.mean(axis=0)
    products = values @ values.T
    change = float(np.trace(products))
    frame = (times[-1] - times[0]) / (len(times) - 1)
    guess = Ramp(times[first] - frame / 2, times[last] + frame / 2)
    dissolve, unexplained = _search(sampled_times, products, guess, frame, _dissolve)
    fade, left = _search(sampled_times, products, guess, frame, _fade)
    if left < _FADE * unexplained:
        return fade if left < _EXACT_FADE**2 * change else None
    if unexplained < _USEFUL_DISSOLVE**2 * change:
        return replace(dissolve, exact=unexplained < _EXACT_DISSOLVE**2 * change)
    return None


def _search(
    times: Numbers, products: Numbers, guess: Ramp, frame: float, shares: Callable[[Numbers], Numbers]
) -> tuple[Ramp, float]:
    """The ends with the smallest residual, and the residual (a sum of squares)."""
    reach = max(_REACH_FRAMES * frame, _REACH_SHARE * (guess.end - guess.start))
    best, least = guess, np.inf
    for _ in range(_ROUNDS):
        offsets = np.linspace(-reach, reach, _GRID)
        starts, ends = (grid.ravel() for grid in np.meshgrid(best.start + offsets, best.end + offsets))
        apart = ends - starts > 1.5 * frame
        if not apart.any():
            break
        starts, ends = starts[apart, None], ends[apart, None]
        basis, _ = np.linalg.qr(shares((times - starts) / (ends - starts)))
        explained = np.einsum("cnk,cnk->c", basis, products @ basis)
        index = int(explained.argmax())
        best, least = Ramp(float(starts[index, 0]), float(ends[index, 0])), float(np.trace(products) - explained[index])
        reach *= _SHRINK
    return best, least


def _dissolve(progress: Numbers) -> Numbers:
    """The shares of the two images, [..., 2]; progress runs from 0 at the start to 1 at the end."""
    new = np.clip(progress, 0, 1)
    return np.stack([1 - new, new], axis=-1)


def _fade(progress: Numbers) -> Numbers:
    """The shares of the old image, the new one and the one between them, [..., 3]."""
    old, new = np.clip(1 - 2 * progress, 0, 1), np.clip(2 * progress - 1, 0, 1)
    return np.stack([old, new, 1 - old - new], axis=-1)
