"""How a detector does on films whose boundaries people marked: less exact than made truth, so two frames are forgiven.

A boundary is right if what was found overlaps it within two frames, each answer for one boundary. A clip (a stretch
between answers that lasts `min_seconds`) is pure if, two frames left off at each end, all its frames are of one shot.
Covered: the share of the frames of shots that last so long which clips hold; kept: which pure clips hold. That one
figure falls when shots are thrown away and when they are mixed.

    just bench split --marked <folder>
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from pipeline.benchmarks.shots.marked import UNSURE, Mark
from pipeline.stages.split.detectors.base import Boundary

TOLERANCE = 2  # frames
_ROUNDING = 0.05  # frames: a rate that follows from stamps is not exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was counted on a film, or summed over several. `false` are the answers that no mark explains.

    `cuts` and `gradual` count the boundaries of each kind: marked, and right. `inside`: false answers by which true
    shots fall into more pieces than one.
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
        summed = {one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(Tally)}
        for kind in ("cuts", "gradual"):
            mine, others = getattr(self, kind), getattr(other, kind)
            summed[kind] = (mine[0] + others[0], mine[1] + others[1])
        return Tally(**summed)

    @property
    def precision(self) -> float:
        """Share of the answers that are right."""
        return self.right / max(1, self.right + self.false_cuts + self.false_gradual)

    @property
    def recall(self) -> float:
        """Share of the marked boundaries that were found."""
        return self.right / max(1, self.marked)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _f1(self.marked, self.right, self.false_cuts + self.false_gradual)

    @property
    def f1_of_cuts(self) -> float:
        """F1 of hard cuts; a false answer counts here if it is one frame's."""
        return _f1(*self.cuts, self.false_cuts)

    @property
    def f1_of_gradual(self) -> float:
        """F1 of transitions; a false answer counts here if it leaves frames out."""
        return _f1(*self.gradual, self.false_gradual)

    @property
    def purity(self) -> float:
        """Share of the clips that hold one shot only."""
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
        """Into how many pieces the true shots fall on average: 1 without false answers inside shots."""
        return self.pieces / max(1, self.shots)


def _f1(marked: int, right: int, false: int) -> float:
    return 2 * right / max(1, marked + right + false)


def judge_marked(marks: Sequence[Mark], found: Sequence[Boundary], frames: int, fps: float, seconds: float) -> Tally:
    """Count on a film of so many frames; `seconds` is what a clip lasts at the least."""
    true = [mark.boundary for mark in marks if mark.kind != UNSURE]
    unsure = [mark.boundary for mark in marks if mark.kind == UNSURE]
    hits = _match(true, found)
    false = tuple(
        answer
        for place, answer in enumerate(found)
        if place not in hits.values() and not any(_meets(one, answer) for one in unsure)
    )
    shots, clips = _between(true, frames), _between(found, frames)
    least = seconds * fps - _ROUNDING
    shot = np.full(frames, -1)
    good = np.zeros(frames, bool)
    for number, (start, end) in enumerate(shots):
        shot[start:end] = number
        good[start:end] = end - start >= least
    long = [(start, end) for start, end in clips if end - start >= least]
    pure = [(start, end) for start, end in long if _is_pure(shot[start + TOLERANCE : end - TOLERANCE])]
    cuts = [one.is_cut for one in true]
    inside = sum(any(start < one.end_of_old and one.start_of_new < end for start, end in shots) for one in false)
    return Tally(
        marked=len(true),
        right=len(hits),
        cuts=(sum(cuts), sum(cuts[place] for place in hits)),
        gradual=(len(cuts) - sum(cuts), sum(not cuts[place] for place in hits)),
        false_cuts=sum(one.is_cut for one in false),
        false_gradual=sum(not one.is_cut for one in false),
        clips=len(long),
        pure=len(pure),
        shots=len(shots),
        pieces=len(shots) + inside,
        good=int(good.sum()),
        covered=int(sum(good[start:end].sum() for start, end in long)),
        kept=int(sum(good[start:end].sum() for start, end in pure)),
        false=false,
    )


def _match(true: Sequence[Boundary], found: Sequence[Boundary]) -> dict[int, int]:
    """For each true boundary that was found the answer that it was found by: the first that is free."""
    hits: dict[int, int] = {}
    for place, one in enumerate(true):
        near = [number for number, answer in enumerate(found) if _meets(one, answer) and number not in hits.values()]
        if near:
            hits[place] = near[0]
    return hits


def _meets(true: Boundary, answer: Boundary) -> bool:
    """Whether they overlap within the tolerance; a boundary reaches from the old shot's last frame to the new one's."""
    early = answer.start_of_new < true.end_of_old - 1 - TOLERANCE
    return not early and answer.end_of_old - 1 <= true.start_of_new + TOLERANCE


def _between(boundaries: Sequence[Boundary], frames: int) -> list[tuple[int, int]]:
    starts = [0, *(one.start_of_new for one in boundaries)]
    ends = [*(one.end_of_old for one in boundaries), frames]
    return list(zip(starts, ends, strict=True))


def _is_pure(shots: np.ndarray) -> bool:
    return len(shots) > 0 and shots[0] >= 0 and bool((shots == shots[0]).all())
