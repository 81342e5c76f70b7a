"""The comparison with another dataset, as the page's first section: measures, gates, models, and which samples.

python -m pytest tests/captioning/report/test_page.py
"""

from collections.abc import Sequence
from html import escape

from captioning.quality.compare import Comparison, MeasureChange, SampleChange
from captioning.quality.records import Gate, Measure
from captioning.report.markup import count_of, shown_name, shown_value, tag
from captioning.report.parts import sample_link, table

_MOST_SAMPLES = 24
_HEADINGS = ("measure", "before", "after", "change")


def changes(comparison: Comparison) -> str:
    """The clear changes first, all others behind a summary, then gates and models that differ, then the samples."""
    clear = [change for change in comparison.measures if change.clear]
    rest = [change for change in comparison.measures if not change.clear]
    title = f"Changes from {comparison.before} to {comparison.after}"
    shown = table(_HEADINGS, map(_row, clear), title) if clear else tag("p", "No measure changed beyond its interval.")
    if rest:
        summary = tag("summary", f"{count_of(len(rest), 'measure')} within chance")
        shown += tag("details", summary + table(_HEADINGS, map(_row, rest), "Changes within chance"))
    shown += _differences(comparison)
    samples = (
        _moved("worse", comparison.worse)
        + _moved("better", comparison.better)
        + _listed("new", comparison.added, linked=True)
        + _listed("gone", comparison.removed, linked=False)
    )
    return shown + tag("div", samples, class_="lists")


def _row(measure_change: MeasureChange) -> str:
    unit, change = measure_change.after.unit, measure_change.after.value - measure_change.before.value
    sign = "+" if change > 0 else "−" if change < 0 else ""
    verdict = (
        ""
        if not measure_change.clear or measure_change.better is None
        else "better"
        if measure_change.better
        else "worse"
    )
    amount = shown_value(abs(change), unit).replace(" %", " points")  # of shares: percentage points
    where = "" if measure_change.group == "all" else tag("small", escape(measure_change.group))
    return tag(
        "tr",
        tag("th", tag("b", escape(shown_name(measure_change.name))) + where, scope="row")
        + tag("td", _with_interval(measure_change.before), class_="number")
        + tag("td", _with_interval(measure_change.after), class_="number")
        + tag(
            "td",
            f"{sign}{amount} {verdict}".strip(),
            class_=f"value {verdict}".strip(),
        ),
    )


def _with_interval(measure: Measure) -> str:
    between = f"{shown_value(measure.low, measure.unit)} to {shown_value(measure.high, measure.unit)}"
    return shown_value(measure.value, measure.unit) + tag("small", between)


def _differences(comparison: Comparison) -> str:
    gates = [
        (f"gate {known.rule}", _verdict(before), _verdict(after))
        for before, after in comparison.gates
        if (known := after or before) and _verdict(before) != _verdict(after)
    ]
    models = [(shown_name(role), *pair) for role, pair in comparison.models.items() if pair[0] != pair[1]]
    rows = [
        tag("tr", tag("th", escape(name), scope="row") + tag("td", escape(before)) + tag("td", escape(after)))
        for name, before, after in (*gates, *models)
    ]
    return table(("what", "before", "after"), rows, "Gates and models that differ") if rows else ""


def _verdict(gate: Gate | None) -> str:
    return "not asked" if gate is None else "holds" if gate.passed else "fails"


def _moved(name: str, moved: Sequence[SampleChange]) -> str:
    items = []
    for sample in moved[:_MOST_SAMPLES]:
        checks = [f"+ {shown_name(check)}" for check in sample.new]
        checks += [f"− {shown_name(check)}" for check in sample.gone]
        text = escape(", ".join([f"{sample.before:.2f} → {sample.after:.2f}", *checks]))
        items.append(tag("li", sample_link(sample.sample_id) + " " + text))
    return _folded(name, len(moved), tag("ul", "".join(items)))


def _listed(name: str, ids: Sequence[str], linked: bool) -> str:
    shown = " ".join(sample_link(key) if linked else tag("code", escape(key)) for key in ids[:_MOST_SAMPLES])
    return _folded(name, len(ids), tag("p", shown))


def _folded(name: str, count: int, content: str) -> str:
    if not count:
        return ""
    more = tag("p", f"and {count - _MOST_SAMPLES:,} more", class_="hint") if count > _MOST_SAMPLES else ""
    return tag("details", tag("summary", count_of(count, f"{name} sample")) + content + more)
