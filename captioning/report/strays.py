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
    overall = {one.name: one for one in report.measures.get("all", ())}
    found = [
        Stray(group, one, overall[one.name])
        for group, measures in report.measures.items()
        if group != "all"
        for one in measures
        if one.name in overall and _is_worse(one, overall[one.name])
    ]
    return sorted(found, key=lambda stray: (-stray.gap, stray.group, stray.here.name))


def strays(found: Sequence[Stray]) -> str:
    """A table of them; empty where none strays."""
    if not found:
        return ""
    rows = [
        tag(
            "tr",
            tag("th", tag("b", escape(one.group)) + tag("small", escape(shown_name(one.here.name))), scope="row")
            + tag("td", _with_interval(one.here), class_="value")
            + tag("td", _with_interval(one.overall), class_="number")
            + tag("td", f"{one.here.count:,}", class_="number"),
        )
        for one in found[:_MOST]
    ]
    left = len(found) - _MOST
    more = tag("p", f"and {count_of(left, 'measure')} more that stray less.", class_="hint") if left > 0 else ""
    return table(("group", "there", "all samples", "samples"), rows, "Measures that stray") + more


def _is_worse(here: Measure, overall: Measure) -> bool:
    if here.better == "low":
        return here.low > overall.high
    return here.better == "high" and here.high < overall.low


def _with_interval(one: Measure) -> str:
    between = f"{shown_value(one.low, one.unit)} to {shown_value(one.high, one.unit)}"
    return shown_value(one.value, one.unit) + tag("small", between)
