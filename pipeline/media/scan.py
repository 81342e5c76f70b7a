"""Finds the scan type of a video: progressive, interlaced (two fields a frame), or film in 3:2 pulldown (telecine).

The flags of containers and codecs are often wrong, in both directions, so frames are examined: runs of consecutive
frames at a few positions. Flags count only where nothing moves.

    scan = find_scan(sample_runs(container, stream, start, duration))
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import av

from pipeline.media.fields import FieldVote, Lines, compare_fields, luma_lines

PROGRESSIVE, INTERLACED, TELECINE = "progressive", "interlaced", "telecine"
# Two periods of the pulldown's five frames and two more. Short runs are enough to see that nothing is combed.
RUN_FRAMES, SHORT_RUN_FRAMES = 12, 5
POSITIONS = (0.1, 0.5, 0.85)
_PATTERN = 5
_FEWEST_PAIRS = 3
# Share of the pairs with motion whose first frame is combed. A video of mixed content counts as interlaced.
_COMBED_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Scan:
    """The scan type, and which field of a frame is the earlier: `top`, `bottom` or None (not known)."""

    kind: str
    order: str | None


WHOLE_FRAMES = Scan(PROGRESSIVE, None)


@dataclass(frozen=True, slots=True)
class FrameLines:
    """A reduced frame (full ones of a large video would fill the memory): `lines` uint8 [H, about 360], codec flag."""

    lines: Lines
    is_flagged: bool


def find_scan(runs: Sequence[Sequence[FrameLines]]) -> Scan:
    """The scan type of a video, from runs of consecutive frames."""
    votes = [_votes(run) for run in runs]
    moving = [vote for run in votes for vote in run if vote.has_motion]
    top, bottom = (sum(vote.combed == order for vote in moving) for order in ("top", "bottom"))
    order = "top" if top >= bottom else "bottom"
    if any(_is_pulldown(run) for run in votes):
        return Scan(TELECINE, order)
    if len(moving) >= _FEWEST_PAIRS:
        # Progressive frames that seem combed do so in either order; interlaced ones in one.
        combed = abs(top - bottom) >= _COMBED_SHARE * len(moving)
        return Scan(INTERLACED, order) if combed else WHOLE_FRAMES
    return _by_flags([frame for run in runs for frame in run])


def sample_runs(container: Any, stream: Any, start: float, duration: float) -> list[list[FrameLines]]:
    """Runs of frames at a few positions of an open video: short runs, or long ones if those (or flags) suggest fields.

    `start` and `duration` are seconds in the stream's own timestamps. Moves the container's position. Packets that
    cannot be decoded are skipped.
    """
    times = [start + position * duration for position in POSITIONS]
    runs = [_run(container, stream, time, SHORT_RUN_FRAMES) for time in times]
    suspicious = any(vote.combed for run in runs for vote in _votes(run))
    if suspicious or any(frame.is_flagged for run in runs for frame in run):
        return [_run(container, stream, time, RUN_FRAMES) for time in times]
    return runs


def _run(container: Any, stream: Any, time: float, count: int) -> list[FrameLines]:
    try:
        container.seek(int(time / stream.time_base), stream=stream, backward=True)
    except av.error.FFmpegError:
        return []
    frames = itertools.islice(_decoded(container, stream), count)
    return [FrameLines(luma_lines(frame), frame.interlaced_frame) for frame in frames]


def _decoded(container: Any, stream: Any) -> Iterator[av.VideoFrame]:
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue


def _votes(run: Sequence[FrameLines]) -> list[FieldVote]:
    return [compare_fields(first.lines, second.lines) for first, second in itertools.pairwise(run)]


def _is_pulldown(run: Sequence[FieldVote]) -> bool:
    """Whether fields repeat as in 3:2 pulldown: one field every five frames, the other two frames later (or earlier).

    Fields of a static scene repeat without a pattern, so both must repeat twice in the pattern, and nowhere else.
    """
    for phase, late in itertools.product(range(_PATTERN), ("top", "bottom")):
        early = "bottom" if late == "top" else "top"
        pattern = {phase: early, (phase + 2) % _PATTERN: late}
        compared = [(pattern.get(index % _PATTERN), vote.repeated) for index, vote in enumerate(run) if vote.has_motion]
        hits = [expected for expected, actual in compared if expected is not None and expected == actual]
        misses = sum(expected != actual for expected, actual in compared)
        if min(hits.count("top"), hits.count("bottom")) >= 2 and misses <= len(compared) // 10:
            return True
    return False


def _by_flags(frames: Sequence[FrameLines]) -> Scan:
    flagged = [frame for frame in frames if frame.is_flagged]
    if not flagged or 2 * len(flagged) < len(frames):
        return WHOLE_FRAMES
    return Scan(INTERLACED, None)
