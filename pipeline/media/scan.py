"""How a film was scanned: whole frames, two fields a frame (interlaced), or film in 3:2 pulldown (telecine).

The container's and the codec's flags are often wrong, in both directions, so frames are looked at: runs of consecutive
ones from a few places. Flags count only where nothing moves.

    find_scan(sample_runs(container, stream, duration))
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import av

from pipeline.media.fields import FieldVote, Lines, compare_fields, luma_lines

PROGRESSIVE, INTERLACED, TELECINE = "progressive", "interlaced", "telecine"
# Two rounds of the pulldown's five frames and two more. Short runs are enough to see that nothing is combed.
RUN_FRAMES, SHORT_RUN_FRAMES = 12, 5
PLACES = (0.1, 0.5, 0.85)
_PATTERN = 5
_FEWEST_PAIRS = 3
# Share of the pairs with motion whose first frame is combed. A film of both kinds counts as interlaced.
_COMBED_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Scan:
    """The kind of scan, and which field of a frame is the earlier one: `top`, `bottom` or None (not known)."""

    kind: str
    order: str | None


WHOLE_FRAMES = Scan(PROGRESSIVE, None)


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """What is kept of a frame (whole ones of a large film would fill the memory): its lines, and the codec's flag."""

    lines: Lines
    is_flagged: bool


def find_scan(runs: Sequence[Sequence[SeenFrame]]) -> Scan:
    """Judge a film by runs of consecutive frames."""
    votes = [_votes(run) for run in runs]
    seen = [vote for run in votes for vote in run if vote.is_seen]
    top, bottom = (sum(vote.combed == order for vote in seen) for order in ("top", "bottom"))
    order = "top" if top >= bottom else "bottom"
    if any(_is_pulldown(run) for run in votes):
        return Scan(TELECINE, order)
    if len(seen) >= _FEWEST_PAIRS:
        # Whole frames that seem to be combed seem so in either order; fields have one.
        combed = abs(top - bottom) >= _COMBED_SHARE * len(seen)
        return Scan(INTERLACED, order) if combed else WHOLE_FRAMES
    return _by_flags([frame for run in runs for frame in run])


def sample_runs(container: Any, stream: Any, start: float, duration: float) -> list[list[SeenFrame]]:
    """Runs of frames from a few places of an open film: short ones, or long ones if those (or flags) raise suspicion.

    Moves the container's position. What cannot be decoded is left out.
    """
    times = [start + place * duration for place in PLACES]
    runs = [_run(container, stream, time, SHORT_RUN_FRAMES) for time in times]
    suspicious = any(vote.combed for run in runs for vote in _votes(run))
    if suspicious or any(frame.is_flagged for run in runs for frame in run):
        return [_run(container, stream, time, RUN_FRAMES) for time in times]
    return runs


def _run(container: Any, stream: Any, time: float, count: int) -> list[SeenFrame]:
    try:
        container.seek(int(time / stream.time_base), stream=stream, backward=True)
    except av.error.FFmpegError:
        return []
    frames = itertools.islice(_decoded(container, stream), count)
    return [SeenFrame(luma_lines(frame), frame.interlaced_frame) for frame in frames]


def _decoded(container: Any, stream: Any) -> Iterator[av.VideoFrame]:
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue


def _votes(run: Sequence[SeenFrame]) -> list[FieldVote]:
    return [compare_fields(first.lines, second.lines) for first, second in itertools.pairwise(run)]


def _is_pulldown(run: Sequence[FieldVote]) -> bool:
    """Whether fields repeat as in 3:2 pulldown: one in five frames, and the other one two frames later (or earlier).

    Fields of a still scene repeat without a pattern, so both must be seen twice, and nowhere else.
    """
    for phase, late in itertools.product(range(_PATTERN), ("top", "bottom")):
        early = "bottom" if late == "top" else "top"
        wanted = {phase: early, (phase + 2) % _PATTERN: late}
        seen = [(wanted.get(place % _PATTERN), vote.repeated) for place, vote in enumerate(run) if vote.is_seen]
        hits = [want for want, got in seen if want is not None and want == got]
        misses = sum(want != got for want, got in seen)
        if min(hits.count("top"), hits.count("bottom")) >= 2 and misses <= len(seen) // 10:
            return True
    return False


def _by_flags(frames: Sequence[SeenFrame]) -> Scan:
    flagged = [frame for frame in frames if frame.is_flagged]
    if not flagged or 2 * len(flagged) < len(frames):
        return WHOLE_FRAMES
    return Scan(INTERLACED, None)
