"""From boundaries to clips: pure functions over frame times, no pictures.

A shot ends where the next one's transition begins; only frames that mix two shots are left out. A shot longer than the
limit is divided evenly at frames, so nothing is lost; a shorter one than the minimum gives no clip.
"""

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.stages.split.detectors.base import Boundary

# Container time bases round to a millisecond; a clip of "2 s" may measure 1.9995 s.
_TOLERANCE = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A clip before it has measures: frames [start_frame, end_frame), times in seconds, end exclusive."""

    shot: int
    start_frame: int
    end_frame: int
    start_time: float
    end_time: float

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.end_time - self.start_time


def find_shots(boundaries: Sequence[Boundary], frames: int, trim: int = 0) -> list[tuple[int, int]]:
    """First frame and frame after the last of each shot that has any unmixed frame, in a film of `frames` frames.

    `trim` frames more are left off on either side of every boundary.
    """
    starts = [0, *(boundary.start_of_new + trim for boundary in boundaries)]
    ends = [*(boundary.end_of_old - trim for boundary in boundaries), frames]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


def find_confidences(boundaries: Sequence[Boundary], shots: Sequence[tuple[int, int]]) -> list[float]:
    """How probable it is that each shot but the first is another one than the shot before it.

    Where shots between two boundaries have no frame left, the surer boundary counts.
    """
    return [
        max(one.probability for one in boundaries if end <= one.end_of_old and one.start_of_new <= start)
        for (_, end), (start, _) in itertools.pairwise(shots)
    ]


def make_spans(
    shots: Sequence[tuple[int, int]], edges: Sequence[float], min_seconds: float, max_seconds: float
) -> list[Span]:
    """Clips of a film whose frame i is shown from `edges[i]` until `edges[i + 1]`."""
    spans = [
        Span(
            shot=number,
            start_frame=first,
            end_frame=last,
            start_time=edges[first],
            end_time=min(edges[last], edges[first] + max(max_seconds, edges[last - 1] - edges[first])),
        )
        for number, (start, end) in enumerate(shots)
        for first, last in _divide(start, end, edges, max_seconds)
    ]
    return [span for span in spans if span.duration >= min_seconds - _TOLERANCE]


def _divide(start: int, end: int, edges: Sequence[float], max_seconds: float) -> list[tuple[int, int]]:
    """Pieces of about equal length, none longer than `max_seconds`, but for a single frame that stays longer."""
    duration = edges[end] - edges[start]
    pieces = max(1, math.ceil((duration - _TOLERANCE) / max_seconds))
    wanted = [edges[start] + duration * piece / pieces for piece in range(1, pieces)]
    inner = [bisect.bisect_left(edges, time - _TOLERANCE, start + 1, end) for time in wanted]
    even = list(itertools.pairwise(sorted({start, *inner, end})))
    if all(edges[last] - edges[first] <= max_seconds + _TOLERANCE for first, last in even):
        return even
    # Frames stay so long that even pieces cannot begin where they should: fill one piece after the other.
    starts = [start]
    for frame in range(start + 1, end):
        if edges[frame + 1] - edges[starts[-1]] > max_seconds + _TOLERANCE:
            starts.append(frame)
    return list(itertools.pairwise([*starts, end]))


def still_times(span: Span, still_seconds: float) -> list[float]:
    """Where stills are wanted: the middles of equal pieces of about `still_seconds`, at least three.

    There are never more than the clip has frames.
    """
    count = max(3, math.ceil((span.duration - _TOLERANCE) / still_seconds))
    count = min(count, span.end_frame - span.start_frame)
    return [span.start_time + span.duration * (index + 0.5) / count for index in range(count)]
