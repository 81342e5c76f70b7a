"""Detection rate of a check on planted faults, and its false alarms on untouched rows, with 95 % intervals (Wilson).

just bench quality
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from captioning.quality.check import CheckResult
from captioning.quality.corpus import Corpus
from captioning.quality.registry import CHECKS
from pipeline.benchmarks.planted.faults import CHECK_OF, PlantedSample

_Z = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Of `planted` rows with a fault its check detected `found`; of `untouched` rows it reported `false`."""

    fault: str
    check: str
    found: int
    planted: int
    false: int
    untouched: int

    @property
    def rate(self) -> float:
        """Share of the planted rows that were detected."""
        return self.found / self.planted if self.planted else 0.0

    @property
    def false_alarms(self) -> float:
        """Share of the untouched rows that were reported."""
        return self.false / self.untouched if self.untouched else 0.0


def detections(rows: Sequence[PlantedSample], corpus: Corpus) -> list[Detection]:
    """One count per planted fault whose check judged anything; rows with other faults and donors are not counted."""
    untouched = {sample.record.sample_id for sample in rows if not sample.fault}
    flagged = {check: CHECKS[check].run(corpus) for check in set(CHECK_OF.values())}
    return [
        count(
            fault,
            check,
            {sample.record.sample_id for sample in rows if sample.fault == fault},
            untouched,
            flagged[check],
        )
        for fault, check in CHECK_OF.items()
        if flagged[check]
    ]


def count(
    fault: str, check: str, planted: frozenset[str] | set[str], untouched: set[str], flagged: Mapping[str, CheckResult]
) -> Detection:
    """Count the findings of one check; a clip that it could not judge counts as not detected."""
    reported = {clip for clip, detection in flagged.items() if detection.why}
    return Detection(
        fault=fault,
        check=check,
        found=len(planted & reported),
        planted=len(planted),
        false=len(untouched & reported),
        untouched=len(untouched),
    )


def wilson(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    share, square = hits / of, _Z * _Z
    center = (share + square / (2 * of)) / (1 + square / of)
    margin = _Z * math.sqrt(share * (1 - share) / of + square / (4 * of * of)) / (1 + square / of)
    return max(0.0, center - margin), min(1.0, center + margin)
