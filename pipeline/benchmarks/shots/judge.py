"""How good a detector is on films whose truth is known: precision, recall, boundary error, purity, coverage.

A found boundary is right if it lies within two frames of a true one (the tolerance of TransNetV2's own evaluation,
2008.04838, section 4); for a transition, within two frames of its mixed frames. Each true boundary counts once. A
second one inside the same transition counts neither for nor against a detector, and neither does one that takes frames
off the film's beginning or end, where no two shots meet.

A kept clip is pure if all its frames show one shot and nothing else. Coverage is the share of unmixed frames, in shots
of the minimum length or more, that kept clips hold: so no detector becomes pure by throwing clips away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.spans import find_shots, make_spans

_TOLERANCE = 2
_RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was counted on one film, or summed over several. `errors` are in frames, of right boundaries."""

    true: int = 0
    right: int = 0
    false: int = 0
    clips: int = 0
    pure: int = 0
    frames: int = 0
    covered: int = 0
    errors: tuple[int, ...] = ()

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(Counts)})

    @property
    def precision(self) -> float:
        """Share of the found boundaries that are right."""
        return self.right / max(1, self.right + self.false)

    @property
    def recall(self) -> float:
        """Share of the true boundaries that were found."""
        return self.right / max(1, self.true)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / max(1, self.true + self.right + self.false)

    @property
    def purity(self) -> float:
        """Share of the kept clips that hold one shot only."""
        return self.pure / max(1, self.clips)

    @property
    def coverage(self) -> float:
        """Share of the usable unmixed frames that kept clips hold."""
        return self.covered / max(1, self.frames)


def judge(truth: Sequence[Boundary], found: Sequence[Boundary], edges: Sequence[float], min_seconds: float) -> Counts:
    """Count on a film whose frame i is shown from `edges[i]` until `edges[i + 1]`."""
    count = len(edges) - 1
    matched, false = match(truth, [one for one in found if one.end_of_old > 0 and one.start_of_new < count])
    shots = find_shots(truth, count)
    spans = make_spans(find_shots(found, count), edges, min_seconds, max_seconds=1e9)
    usable = np.zeros(count, bool)
    for start, end in shots:
        usable[start:end] = edges[end] - edges[start] >= min_seconds
    kept = np.zeros(count, bool)
    for span in spans:
        kept[span.start_frame : span.end_frame] = True
    pure = [any(start <= span.start_frame and span.end_frame <= end for start, end in shots) for span in spans]
    return Counts(
        true=len(truth),
        right=len(matched),
        false=false,
        clips=len(spans),
        pure=sum(pure),
        frames=int(usable.sum()),
        covered=int((usable & kept).sum()),
        errors=tuple(abs(true.start_of_new - near.start_of_new) for true, near in matched),
    )


def match(truth: Sequence[Boundary], found: Sequence[Boundary]) -> tuple[list[tuple[Boundary, Boundary]], int]:
    """Pairs of a true boundary and the one found for it, and how many found ones are false."""
    pairs: dict[int, tuple[Boundary, Boundary]] = {}
    false = 0
    for one in sorted(found, key=lambda one: one.end_of_old):
        near = [place for place, true in enumerate(truth) if _distance(true, one) <= _TOLERANCE]
        free = [place for place in near if place not in pairs]
        if free:
            best = min(free, key=lambda place: (_distance(truth[place], one), _offset(truth[place], one)))
            pairs[best] = (truth[best], one)
        elif not any(not truth[place].is_cut for place in near):
            false += 1
    return list(pairs.values()), false


def _distance(true: Boundary, one: Boundary) -> int:
    """Frames between two boundaries; 0 if they overlap."""
    return max(0, true.end_of_old - one.start_of_new, one.end_of_old - true.start_of_new)


def _offset(true: Boundary, one: Boundary) -> int:
    return abs(true.end_of_old + true.start_of_new - one.end_of_old - one.start_of_new)


def interval(films: Sequence[Counts], measure: str) -> tuple[float, float]:
    """95 % interval of a measure (a property of `Counts`) over films drawn again and again, seeded."""
    random = np.random.default_rng(0)
    values = []
    for _ in range(_RESAMPLES):
        drawn = [films[place] for place in random.integers(len(films), size=len(films))]
        values.append(float(getattr(sum(drawn, Counts()), measure)))
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
