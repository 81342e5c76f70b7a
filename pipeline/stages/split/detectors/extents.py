"""Which frames of a marked transition show two shots: from a fitted ramp, or from the marks and a margin.

A fitted ramp (`ramp.py`, `wipe.py`) is exact to a frame or two, while the marks may be off by a tenth of the
transition. So a ramp needs no margin, and the clips beside it keep more frames. If no ramp fits, the marked frames and
a margin on each side are left out. Black and white frames among the marked ones are left out wherever the ramp ends.

    extents = find_extents(thumbnails, thumbnails.times, marked=(100, 111), room=(0, 240))
    python -m pytest tests/pipeline/stages/split/detectors/test_extents.py
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.split.detectors.ramp import Ramp, fit_ramp
from pipeline.stages.split.detectors.thumbnails import HEIGHT, WIDTH, Thumbnails
from pipeline.stages.split.detectors.wipe import fit_wipe

# Margin on each side of the marks if no ramp fits: frames, and share of the transition's length.
_MARGIN_FRAMES, _MARGIN_SHARE = 2, 0.05
# A ramp's ends are uncertain by _SLACK of its length; marks beyond its ends count up to _BEYOND of its length.
_SLACK, _BEYOND = 0.02, 0.1
# How much of the two shots a fit uses on each side: minimum frames, minimum seconds, share of the transition.
_AROUND_FRAMES, _AROUND_SECONDS, _AROUND_SHARE = 6, 0.25, 0.3
_FEWEST_FRAMES = 6
# A linear fade only touches black. If more than this share of the transition is black, it stays black for a while,
# and no straight line fits.
_HELD = 0.3
# No transition lasts longer. Something marked for minutes is not a transition, and must not fill the memory.
_LONGEST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Extents:
    """The first mixed frame, the first frame of the new shot, and whether they come from an exact ramp."""

    end_of_old: int
    start_of_new: int
    fitted: bool


def find_extents(
    thumbnails: Thumbnails, times: NDArray[np.float64], marked: tuple[int, int], room: tuple[int, int]
) -> Extents:
    """The extents of the transition whose first and last frame are `marked`.

    `times` [frames] are when the video's frames appear, in seconds. The frames [room[0], room[1]) contain no other
    transition.
    """
    first, last = marked
    empty = first + np.flatnonzero(thumbnails.empty[first : last + 1])
    # A long black middle does not make the fades around it longer.
    margin = _MARGIN_FRAMES + round(_MARGIN_SHARE * (last - first + 1 - len(empty)))
    around = Extents(first - margin, last + 1 + margin, fitted=False)
    stays_empty = len(empty) > _HELD * (last - first + 1)
    ramp = None if stays_empty else _fit(thumbnails, times, marked, room)
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
    """The first frame after `start` seconds and the first one at `end` or later."""
    return int(np.searchsorted(times, start, side="right")), int(np.searchsorted(times, end))


def _fit(
    thumbnails: Thumbnails, times: NDArray[np.float64], marked: tuple[int, int], room: tuple[int, int]
) -> Ramp | None:
    first, last = marked
    around = max(_AROUND_FRAMES, round(_AROUND_SHARE * (last - first + 1)))
    low = min(first - around, int(np.searchsorted(times, times[first] - _AROUND_SECONDS)))
    high = max(last + 1 + around, int(np.searchsorted(times, times[last] + _AROUND_SECONDS)))
    low, high = max(low, room[0]), min(high, room[1])
    seconds = times[high - 1] - times[low]
    # Without advancing timestamps there is no ramp to fit.
    if high - low < _FEWEST_FRAMES or not 0 < seconds <= _LONGEST_SECONDS:
        return None
    images, frame_times = thumbnails.read(low, high), times[low:high]
    halved = images.reshape(len(images), HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean(axis=(2, 4))
    ramp = fit_ramp(frame_times, halved.reshape(len(images), -1), first - low, last - low)
    if ramp is not None and ramp.exact:
        return ramp
    return fit_wipe(frame_times, images, first - low, last - low) or ramp
