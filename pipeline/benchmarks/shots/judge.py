"""Evaluate a detector on videos with ground truth: precision, recall, boundary error, purity, coverage.

A detected boundary is right if it is within two frames of a true one (the tolerance of TransNetV2's own evaluation,
2008.04838, section 4); for a transition, within two frames of its mixed frames. Each true boundary counts once. A
second detection inside the same transition counts neither for nor against a detector, and neither does one at the
beginning or end of the video, where no two shots meet.

A clip is pure if all its frames show the same shot, unmixed. Coverage is the share of unmixed frames, in shots of the
minimum length or more, that are in clips, so that discarding clips does not pay.

    counts = judge(plan.boundaries(), detector.finish(), edges, min_seconds=2)
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
    """The counts of one video, or their sum over several. `errors` are those of right boundaries, in frames."""

    true: int = 0
    right: int = 0
    false: int = 0
    clips: int = 0
    pure: int = 0
    frames: int = 0
    covered: int = 0
    errors: tuple[int, ...] = ()

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            **{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(Counts)}
        )

    @property
    def precision(self) -> float:
        """Share of the detected boundaries that are right."""
        return self.right / max(1, self.right + self.false)

    @property
    def recall(self) -> float:
        """Share of the true boundaries that were detected."""
        return self.right / max(1, self.true)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / max(1, self.true + self.right + self.false)

    @property
    def purity(self) -> float:
        """Share of the clips that show a single shot."""
        return self.pure / max(1, self.clips)

    @property
    def coverage(self) -> float:
        """Share of the usable unmixed frames that are in clips."""
        return self.covered / max(1, self.frames)


def judge(
    truth: Sequence[Boundary], detected: Sequence[Boundary], edges: Sequence[float], min_seconds: float
) -> Counts:
    """Evaluate on a video whose frame i is shown from `edges[i]` to `edges[i + 1]`, in seconds."""
    count = len(edges) - 1
    matched, false = match(
        truth, [boundary for boundary in detected if boundary.end_of_old > 0 and boundary.start_of_new < count]
    )
    shots = find_shots(truth, count)
    spans = make_spans(find_shots(detected, count), edges, min_seconds, max_seconds=1e9)
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


def match(truth: Sequence[Boundary], detected: Sequence[Boundary]) -> tuple[list[tuple[Boundary, Boundary]], int]:
    """Pairs of a true boundary and the one found for it, and how many found ones are false."""
    pairs: dict[int, tuple[Boundary, Boundary]] = {}
    false = 0
    for boundary in sorted(detected, key=lambda boundary: boundary.end_of_old):
        near = [index for index, true in enumerate(truth) if _distance(true, boundary) <= _TOLERANCE]
        free = [index for index in near if index not in pairs]
        if free:
            best = min(free, key=lambda index: (_distance(truth[index], boundary), _offset(truth[index], boundary)))
            pairs[best] = (truth[best], boundary)
        elif not any(not truth[index].is_cut for index in near):
            false += 1
    return list(pairs.values()), false


def _distance(true: Boundary, detected: Boundary) -> int:
    """Frames between two boundaries; 0 if they overlap."""
    return max(0, true.end_of_old - detected.start_of_new, detected.end_of_old - true.start_of_new)


def _offset(true: Boundary, detected: Boundary) -> int:
    return abs(true.end_of_old + true.start_of_new - detected.end_of_old - detected.start_of_new)


def interval(videos: Sequence[Counts], measure: str) -> tuple[float, float]:
    """95 % interval of a measure (a property of `Counts`) by bootstrapping over videos, with a fixed seed."""
    random = np.random.default_rng(0)
    values = []
    for _ in range(_RESAMPLES):
        drawn = [videos[index] for index in random.integers(len(videos), size=len(videos))]
        values.append(float(getattr(sum(drawn, Counts()), measure)))
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
