"""The comparison with another dataset, as the page's first section: what changed, and which clips.

python -m pytest tests/captioning/report/test_page.py
"""

from html import escape

from captioning.quality.records import Change, Comparison, Report
from captioning.report.markup import count_of, shown_name, shown_value, tag
from captioning.report.parts import clip_link, table

_MOST_CLIPS = 24


def changes(found: Comparison, report: Report) -> str:
    """The significant changes of all clips first, every other one behind a summary, then the clips."""
    units = {one.name: (one.unit, one.better) for group in report.measures.values() for one in group}

    def rows(chosen: list[Change]) -> list[str]:
        return [_row(one, *units.get(one.measure, ("score", None))) for one in chosen]

    clear = [one for one in found.rows if one.significant]
    rest = [one for one in found.rows if not one.significant]
    heads = ("measure", "before", "after", "change", "95 % interval")
    title = f"Changes from {found.before} to {found.after}"
    shown = table(heads, rows(clear), title) if clear else tag("p", "No measure changed beyond its interval.")
    if rest:
        summary = tag("summary", f"{count_of(len(rest), 'change')} within chance")
        shown += tag("details", summary + table(heads, rows(rest), "Changes within chance"))
    lists = (("worse", found.worse), ("better", found.better), ("new", found.new), ("gone", found.gone))
    clips = "".join(_clips(name, ids, linked=name != "gone") for name, ids in lists)
    return shown + tag("div", clips, class_="lists")


def _row(one: Change, unit: str, better: str | None) -> str:
    rises = one.change > 0
    good = "" if better is None or not one.significant else "good" if rises == (better == "high") else "bad"
    sign = "+" if rises else "−" if one.change < 0 else ""
    verdict = {"good": "better", "bad": "worse", "": ""}[good]
    where = "" if one.group == "all" else tag("small", escape(one.group))
    change = f"{sign}{shown_value(abs(one.change), unit)}" + (f" {verdict}" if verdict else "")
    between = f"{_signed(one.low, unit)} to {_signed(one.high, unit)}"
    return tag(
        "tr",
        tag("th", tag("b", escape(shown_name(one.measure))) + where, scope="row")
        + tag("td", shown_value(one.before, unit), class_="number")
        + tag("td", shown_value(one.after, unit), class_="number")
        + tag("td", change, class_=f"value {good}".strip())
        + tag("td", between, class_="number"),
    )


def _signed(value: float, unit: str) -> str:
    return f"−{shown_value(-value, unit)}" if value < 0 else shown_value(value, unit)


def _clips(name: str, ids: tuple[str, ...], linked: bool) -> str:
    if not ids:
        return ""
    shown = " ".join(clip_link(key) if linked else tag("code", escape(key)) for key in ids[:_MOST_CLIPS])
    more = f" and {len(ids) - _MOST_CLIPS:,} more" if len(ids) > _MOST_CLIPS else ""
    return tag("details", tag("summary", count_of(len(ids), f"{name} clip")) + tag("p", shown + more))
