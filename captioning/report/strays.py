"""Buckets and sources whose captions are clearly worse than those of the whole dataset, the furthest first.

Clearly: the group's 95 % interval of a measure lies beyond that of all samples, on its bad side.

    python -m pytest tests/captioning/report/test_verdict.py
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from captioning.quality.records import Measure, Report
from captioning.report.markup import count_of, shown_name, shown_value, tag
from captioning.report.parts import table

_MOST = 12
_FEWEST = 5  # samples that a measure of a group rests on: the interval of fewer says little
_OF_FILMS = ("tells_camera", "tells_action")  # which nobody asks of a bucket of pictures


@dataclass(frozen=True, slots=True)
class Stray:
    """A measure of a group (`bucket <name>`, `source <name>`) beside the same of all samples."""

    group: str
    here: Measure
    overall: Measure

    @property
    def gap(self) -> float:
        """How far apart the intervals are, in widths of both; what cannot vary counts as narrow."""
        between = max(self.here.low - self.overall.high, self.overall.low - self.here.high)
        width = (self.here.high - self.here.low) + (self.overall.high - self.overall.low)
        return between / max(width, 1e-6)


def find_strays(report: Report) -> list[Stray]:
    """All of them, the furthest from the whole first."""
    overall = {measure.name: measure for measure in report.measures.get("all", ())}
    outliers = [
        Stray(group, measure, overall[measure.name])
        for group, measures in report.measures.items()
        if group != "all"
        for measure in measures
        if measure.name in overall and _counts(group, measure) and _is_worse(measure, overall[measure.name])
    ]
    return sorted(outliers, key=lambda stray: (-stray.gap, stray.group, stray.here.name))


def strays(outliers: Sequence[Stray]) -> str:
    """A table of them; empty where none strays."""
    if not outliers:
        return ""
    rows = [
        tag(
            "tr",
            tag("th", tag("b", escape(stray.group)) + tag("small", escape(shown_name(stray.here.name))), scope="row")
            + tag("td", _with_interval(stray.here), class_="value")
            + tag("td", _with_interval(stray.overall), class_="number")
            + tag("td", f"{stray.here.count:,}", class_="number"),
        )
        for stray in outliers[:_MOST]
    ]
    left = len(outliers) - _MOST
    more = tag("p", f"and {count_of(left, 'measure')} more that stray less.", class_="hint") if left > 0 else ""
    return table(("group", "there", "all samples", "samples"), rows, "Measures that stray") + more


def _counts(group: str, measure: Measure) -> bool:
    """Whether a measure of a group says anything about it: it rests on some samples, and applies to what they are."""
    of_pictures = group.startswith("bucket ") and group.endswith("x1")
    return measure.count >= _FEWEST and not (of_pictures and measure.name in _OF_FILMS)


def _is_worse(here: Measure, overall: Measure) -> bool:
    if here.better == "low":
        return here.low > overall.high
    return here.better == "high" and here.high < overall.low


def _with_interval(measure: Measure) -> str:
    between = f"{shown_value(measure.low, measure.unit)} to {shown_value(measure.high, measure.unit)}"
    return shown_value(measure.value, measure.unit) + tag("small", between)
