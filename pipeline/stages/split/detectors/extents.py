"""Which frames of a marked transition really show two shots: by its ramp if one fits, by the marks and a margin if not.

A fitted ramp (`ramp.py`, `wipe.py`) is exact to a frame or two where the marks are off by as much as a
tenth of the transition, so it needs no margin: a clip that keeps its frames may keep its two seconds. Black and white
frames among the marked ones are left out wherever the ramp ends.

    python -m pytest tests/pipeline/stages/split/detectors/test_extents.py
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.split.detectors.ramp import Ramp, fit_ramp
from pipeline.stages.split.detectors.thumbnails import HEIGHT, WIDTH, Thumbnails
from pipeline.stages.split.detectors.wipe import fit_wipe

# Frames, and share of the transition's length, that are left out on each side of the marks where no ramp fits.
_MARGIN_FRAMES, _MARGIN_SHARE = 2, 0.05
# A ramp's ends are uncertain by this share of its length; marks beyond them count as far as that share.
_SLACK, _BEYOND = 0.02, 0.1
# How much of the two shots a fit looks at on each side: frames at least, seconds at least, share of the transition.
_AROUND_FRAMES, _AROUND_SECONDS, _AROUND_SHARE = 6, 0.25, 0.3
_FEWEST_FRAMES = 6
# A fade's ramp only touches black; if more of the transition is black, it is held, and no straight line fits.
_HELD = 0.3
# No transition lasts longer; what is marked for minutes is something else, and must not fill the memory.
_LONGEST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Extents:
    """The first mixed frame, the first one of the new shot, and whether a ramp tells so."""

    end_of_old: int
    start_of_new: int
    fitted: bool


def find_extents(
    film: Thumbnails, times: NDArray[np.float64], marked: tuple[int, int], room: tuple[int, int]
) -> Extents:
    """The extents of the transition whose first and last frame are `marked`.

    `times` are the film's; no other transition is in the frames from `room[0]` up to `room[1]`.
    """
    first, last = marked
    empty = first + np.flatnonzero(film.empty[first : last + 1])
    # A long black middle does not make its fades longer.
    margin = _MARGIN_FRAMES + round(_MARGIN_SHARE * (last - first + 1 - len(empty)))
    around = Extents(first - margin, last + 1 + margin, fitted=False)
    held = len(empty) > _HELD * (last - first + 1)
    ramp = None if held else _fit(film, times, marked, room)
    if ramp is None:
        return around
    if not ramp.exact:
        old, new = _frames(times, ramp.start, ramp.end)
        return Extents(min(old, around.end_of_old), max(new, around.start_of_new), fitted=False)
    slack = _SLACK * (ramp.end - ramp.start)
    old, new = _frames(times, ramp.start - slack, ramp.end + slack)
    beyond = max(1, round(_BEYOND * (new - old)))
    old, new = min(old, max(first, old - beyond)), max(new, min(last + 1, new + beyond))
    return Extents(min([old, *empty[:1]]), max([new, *(empty[-1:] + 1)]), fitted=True)


def _frames(times: NDArray[np.float64], start: float, end: float) -> tuple[int, int]:
    """The first frame after `start` and the first one at `end` or later."""
    return int(np.searchsorted(times, start, side="right")), int(np.searchsorted(times, end))


def _fit(film: Thumbnails, times: NDArray[np.float64], marked: tuple[int, int], room: tuple[int, int]) -> Ramp | None:
    first, last = marked
    around = max(_AROUND_FRAMES, round(_AROUND_SHARE * (last - first + 1)))
    low = min(first - around, int(np.searchsorted(times, times[first] - _AROUND_SECONDS)))
    high = max(last + 1 + around, int(np.searchsorted(times, times[last] + _AROUND_SECONDS)))
    low, high = max(low, room[0]), min(high, room[1])
    seconds = times[high - 1] - times[low]
    # Pictures without a clock have no ramp.
    if high - low < _FEWEST_FRAMES or not 0 < seconds <= _LONGEST_SECONDS:
        return None
    pictures, clock = film.read(low, high), times[low:high]
    halved = pictures.reshape(len(pictures), HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean(axis=(2, 4))
    ramp = fit_ramp(clock, halved.reshape(len(pictures), -1), first - low, last - low)
    if ramp is not None and ramp.exact:
        return ramp
    return fit_wipe(clock, pictures, first - low, last - low) or ramp
