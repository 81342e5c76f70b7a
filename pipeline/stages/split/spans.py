"""From boundaries to clips: pure functions of frame times; no images are needed.

A shot ends where the transition to the next one begins; only frames that mix two shots are left out. A shot longer than
the maximum is divided evenly at frames, so nothing is lost; a shot shorter than the minimum gives no clip.

    shots = find_shots([Boundary(50, 50)], frames=100)
    spans = make_spans(shots, edges, min_seconds=2, max_seconds=10)
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
    """[first, end) frames of each shot with at least one unmixed frame, in a video of `frames` frames.

    Another `trim` frames are left out on each side of every boundary.
    """
    starts = [0, *(boundary.start_of_new + trim for boundary in boundaries)]
    ends = [*(boundary.end_of_old - trim for boundary in boundaries), frames]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


def find_confidences(boundaries: Sequence[Boundary], shots: Sequence[tuple[int, int]]) -> list[float]:
    """For each shot but the first, the probability (0 to 1) that it is a different shot from the one before.

    If several boundaries lie between two shots, because the shots between them have no frames left, the highest counts.
    """
    return [
        max(
            boundary.probability
            for boundary in boundaries
            if end <= boundary.end_of_old and boundary.start_of_new <= start
        )
        for (_, end), (start, _) in itertools.pairwise(shots)
    ]


def make_spans(
    shots: Sequence[tuple[int, int]], edges: Sequence[float], min_seconds: float, max_seconds: float
) -> list[Span]:
    """Clips of a video whose frame i is shown from `edges[i]` to `edges[i + 1]`, in seconds."""
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
    """Pieces of about equal length, none longer than `max_seconds` unless it is a single frame that is shown longer."""
    duration = edges[end] - edges[start]
    pieces = max(1, math.ceil((duration - _TOLERANCE) / max_seconds))
    wanted = [edges[start] + duration * piece / pieces for piece in range(1, pieces)]
    inner = [bisect.bisect_left(edges, time - _TOLERANCE, start + 1, end) for time in wanted]
    even = list(itertools.pairwise(sorted({start, *inner, end})))
    if all(edges[last] - edges[first] <= max_seconds + _TOLERANCE for first, last in even):
        return even
    # Frames are shown so long that equal pieces cannot begin where they should: fill one piece after another.
    starts = [start]
    for frame in range(start + 1, end):
        if edges[frame + 1] - edges[starts[-1]] > max_seconds + _TOLERANCE:
            starts.append(frame)
    return list(itertools.pairwise([*starts, end]))


def still_times(span: Span, still_seconds: float) -> list[float]:
    """Times in seconds at which to take stills: the middles of equal pieces of about `still_seconds`, at least three.

    There are never more stills than the clip has frames.
    """
    count = max(3, math.ceil((span.duration - _TOLERANCE) / still_seconds))
    count = min(count, span.end_frame - span.start_frame)
    return [span.start_time + span.duration * (index + 0.5) / count for index in range(count)]
