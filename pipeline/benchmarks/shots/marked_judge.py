"""Evaluate a detector on videos with boundaries marked by people, with a tolerance of two frames.

A boundary is right if a detected one overlaps it within two frames; each detection matches one boundary. A clip (a
stretch of at least `min_seconds` between detections) is pure if, without two frames at each end, all its frames are of
one shot. `covered`: of the frames of shots of at least that length, the share in clips; `kept`: the share in pure
clips, which falls both when shots are lost and when they are mixed.

    just bench split --marked <folder>
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from pipeline.benchmarks.shots.marked import UNSURE, Mark
from pipeline.stages.split.detectors.base import Boundary

TOLERANCE = 2  # frames
_ROUNDING = 0.05  # frames: a rate computed from timestamps is not exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The counts of a video, or their sum over several. `false` are the detections that match no mark.

    `cuts` and `gradual` count the boundaries of each kind: (marked, right). `pieces` is the number of shots plus that
    of the false detections inside them.
    """

    marked: int = 0
    right: int = 0
    cuts: tuple[int, int] = (0, 0)
    gradual: tuple[int, int] = (0, 0)
    false_cuts: int = 0
    false_gradual: int = 0
    clips: int = 0
    pure: int = 0
    shots: int = 0
    pieces: int = 0
    good: int = 0
    covered: int = 0
    kept: int = 0
    false: tuple[Boundary, ...] = field(default=(), repr=False)

    def __add__(self, other: "Tally") -> "Tally":
        summed = {field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(Tally)}
        for kind in ("cuts", "gradual"):
            mine, others = getattr(self, kind), getattr(other, kind)
            summed[kind] = (mine[0] + others[0], mine[1] + others[1])
        return Tally(**summed)

    @property
    def precision(self) -> float:
        """Share of the detections that are right."""
        return self.right / max(1, self.right + self.false_cuts + self.false_gradual)

    @property
    def recall(self) -> float:
        """Share of the marked boundaries that were detected."""
        return self.right / max(1, self.marked)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _f1(self.marked, self.right, self.false_cuts + self.false_gradual)

    @property
    def f1_of_cuts(self) -> float:
        """F1 of hard cuts; a false detection counts here if it is a hard cut."""
        return _f1(*self.cuts, self.false_cuts)

    @property
    def f1_of_gradual(self) -> float:
        """F1 of transitions; a false detection counts here if it has mixed frames."""
        return _f1(*self.gradual, self.false_gradual)

    @property
    def purity(self) -> float:
        """Share of the clips that show a single shot."""
        return self.pure / max(1, self.clips)

    @property
    def coverage(self) -> float:
        """Share of the frames of long shots inside clips."""
        return self.covered / max(1, self.good)

    @property
    def kept_share(self) -> float:
        """Share of the frames of long shots inside pure clips."""
        return self.kept / max(1, self.good)

    @property
    def pieces_per_shot(self) -> float:
        """The mean number of pieces per true shot: 1 without false detections inside shots."""
        return self.pieces / max(1, self.shots)


def _f1(marked: int, right: int, false: int) -> float:
    return 2 * right / max(1, marked + right + false)


def judge_marked(marks: Sequence[Mark], detected: Sequence[Boundary], frames: int, fps: float, seconds: float) -> Tally:
    """Evaluate on a video of `frames` frames; `seconds` is the minimum length of a clip."""
    true = [mark.boundary for mark in marks if mark.kind != UNSURE]
    unsure = [mark.boundary for mark in marks if mark.kind == UNSURE]
    hits = _match(true, detected)
    false = tuple(
        answer
        for index, answer in enumerate(detected)
        if index not in hits.values() and not any(_meets(boundary, answer) for boundary in unsure)
    )
    shots, clips = _between(true, frames), _between(detected, frames)
    least = seconds * fps - _ROUNDING
    shot = np.full(frames, -1)
    good = np.zeros(frames, bool)
    for number, (start, end) in enumerate(shots):
        shot[start:end] = number
        good[start:end] = end - start >= least
    long = [(start, end) for start, end in clips if end - start >= least]
    pure = [(start, end) for start, end in long if _is_pure(shot[start + TOLERANCE : end - TOLERANCE])]
    cuts = [boundary.is_cut for boundary in true]
    inside = sum(
        any(start < boundary.end_of_old and boundary.start_of_new < end for start, end in shots) for boundary in false
    )
    return Tally(
        marked=len(true),
        right=len(hits),
        cuts=(sum(cuts), sum(cuts[index] for index in hits)),
        gradual=(len(cuts) - sum(cuts), sum(not cuts[index] for index in hits)),
        false_cuts=sum(boundary.is_cut for boundary in false),
        false_gradual=sum(not boundary.is_cut for boundary in false),
        clips=len(long),
        pure=len(pure),
        shots=len(shots),
        pieces=len(shots) + inside,
        good=int(good.sum()),
        covered=int(sum(good[start:end].sum() for start, end in long)),
        kept=int(sum(good[start:end].sum() for start, end in pure)),
        false=false,
    )


def _match(true: Sequence[Boundary], detected: Sequence[Boundary]) -> dict[int, int]:
    """The detection of each detected true boundary, by index: the first that overlaps it and is not matched yet."""
    hits: dict[int, int] = {}
    for index, boundary in enumerate(true):
        near = [
            number for number, answer in enumerate(detected) if _meets(boundary, answer) and number not in hits.values()
        ]
        if near:
            hits[index] = near[0]
    return hits


def _meets(true: Boundary, answer: Boundary) -> bool:
    """Whether they overlap within the tolerance. A boundary spans the old shot's last frame to the new one's first."""
    early = answer.start_of_new < true.end_of_old - 1 - TOLERANCE
    return not early and answer.end_of_old - 1 <= true.start_of_new + TOLERANCE


def _between(boundaries: Sequence[Boundary], frames: int) -> list[tuple[int, int]]:
    starts = [0, *(boundary.start_of_new for boundary in boundaries)]
    ends = [*(boundary.end_of_old for boundary in boundaries), frames]
    return list(zip(starts, ends, strict=True))


def _is_pure(shots: np.ndarray) -> bool:
    return len(shots) > 0 and shots[0] >= 0 and bool((shots == shots[0]).all())
