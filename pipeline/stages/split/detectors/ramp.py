"""Where a dissolve or a fade begins and ends: the straight line in time that its share follows, fitted to the pictures.

The first and last frames of a long transition hold a percent of the other shot, which no detector sees frame by frame.
But editors let the share run linearly on the clock (also where the film's rate varies), so all frames together tell
where the line leaves one shot and reaches the other. Each shot stands for a still picture here: if it moves so much
that the line explains little of what happens, the fit is no use and says so.

A dissolve's pictures are `(1 - share) old + share new`. A fade goes to a third picture (black, white, bars or not) in
the first half and on to the new shot in the second one. For given ends the best pictures are linear least squares, so
only the two ends are searched.

    python -m pytest tests/pipeline/stages/split/detectors/test_ramp.py
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
# Ends are searched on a grid of so many places each, this often, on a grid that shrinks to so much each time.
_PLACES, _ROUNDS, _SHRINK = 11, 4, 0.23
# How far from where the detector put them the ends are searched: share of the transition, and frames at least.
_REACH_SHARE, _REACH_FRAMES = 0.25, 3
# More frames say no more about a line.
_MOST_FRAMES = 200
# A fade leaves less than this share of what a dissolve between its ends cannot explain.
_FADE = 0.25
# What a fit leaves unexplained at the most, as a share of the change's root mean square: so that a dissolve's ends are
# exact, so that they are of some use, so that a fade's are exact.
_EXACT_DISSOLVE, _USEFUL_DISSOLVE, _EXACT_FADE = 0.25, 0.35, 0.5


@dataclass(frozen=True, slots=True)
class Ramp:
    """A transition: at `start` (seconds) the old shot is alone for the last time, from `end` on the new one is.

    If it is not `exact`, its ends may be off by some frames.
    """

    start: float
    end: float
    exact: bool = True


def fit_ramp(times: Numbers, pictures: Numbers, first: int, last: int) -> Ramp | None:
    """The dissolve or fade near frames `first` to `last` of [frames, values], shown at `times`; None if it is neither.

    There must be frames of both shots alone around it, and of no third one.
    """
    step = -(-len(times) // _MOST_FRAMES)
    clock, values = times[::step], pictures[::step]
    values = values - values.mean(axis=0)
    products = values @ values.T
    change = float(np.trace(products))
    frame = (times[-1] - times[0]) / (len(times) - 1)
    guess = Ramp(times[first] - frame / 2, times[last] + frame / 2)
    dissolve, unexplained = _search(clock, products, guess, frame, _dissolve)
    fade, left = _search(clock, products, guess, frame, _fade)
    if left < _FADE * unexplained:
        return fade if left < _EXACT_FADE**2 * change else None
    if unexplained < _USEFUL_DISSOLVE**2 * change:
        return replace(dissolve, exact=unexplained < _EXACT_DISSOLVE**2 * change)
    return None


def _search(
    clock: Numbers, products: Numbers, guess: Ramp, frame: float, shares: Callable[[Numbers], Numbers]
) -> tuple[Ramp, float]:
    """The ends that leave least unexplained, and how much (a sum of squares)."""
    reach = max(_REACH_FRAMES * frame, _REACH_SHARE * (guess.end - guess.start))
    best, least = guess, np.inf
    for _ in range(_ROUNDS):
        offsets = np.linspace(-reach, reach, _PLACES)
        starts, ends = (one.ravel() for one in np.meshgrid(best.start + offsets, best.end + offsets))
        apart = ends - starts > 1.5 * frame
        if not apart.any():
            break
        starts, ends = starts[apart, None], ends[apart, None]
        basis, _ = np.linalg.qr(shares((clock - starts) / (ends - starts)))
        explained = np.einsum("cnk,cnk->c", basis, products @ basis)
        place = int(explained.argmax())
        best, least = Ramp(float(starts[place, 0]), float(ends[place, 0])), float(np.trace(products) - explained[place])
        reach *= _SHRINK
    return best, least


def _dissolve(progress: Numbers) -> Numbers:
    """The shares of the two pictures, [..., 2], where progress runs from 0 at the start to 1 at the end."""
    new = np.clip(progress, 0, 1)
    return np.stack([1 - new, new], axis=-1)


def _fade(progress: Numbers) -> Numbers:
    """The shares of the old picture, the new one, and what lies between them, [..., 3]."""
    old, new = np.clip(1 - 2 * progress, 0, 1), np.clip(2 * progress - 1, 0, 1)
    return np.stack([old, new, 1 - old - new], axis=-1)
