"""The most suspicious samples as cards that need no script: stills, what was said, and why that looks wrong.

python -m pytest tests/captioning/report/test_page.py
"""

from collections.abc import Mapping
from html import escape

from captioning.quality.records import Finding, Report, SampleView
from captioning.report.gallery import length_of
from captioning.report.markup import count_of, shown_name, tag
from captioning.report.parts import sample_link
from captioning.report.thumbnails import shown_stills

_OPEN = 6
"""So many stand open; the others unfold, so that what comes next is not far below."""


def worst(report: Report, thumbnails: Mapping[str, str]) -> str:
    """One card per sample of `report.worst`, in that order."""
    views = {view.record.sample_id: view for view in report.samples}
    cards = [_card(views[key], thumbnails) for key in report.worst if key in views]
    if not cards:
        return ""
    shown = tag("ol", "".join(cards[:_OPEN]), class_="worst")
    if len(cards) <= _OPEN:
        return shown
    rest = tag("ol", "".join(cards[_OPEN:]), class_="worst", start=_OPEN + 1)
    return shown + tag("details", tag("summary", f"{count_of(len(cards) - _OPEN, 'more sample')}") + rest)


def _card(view: SampleView, thumbnails: Mapping[str, str]) -> str:
    record = view.record
    times = {frame.still_id: frame.time for frame in record.frames}
    stills = "".join(
        f'<img src="data:image/jpeg;base64,{thumbnails[key]}" alt="still at {times[key]:.1f} s" '
        f'loading="lazy" decoding="async" data-still="{escape(key)}">'
        for key in shown_stills(view)
        if key in thumbnails
    )
    strip = tag("div", stills, class_="strip") if stills else tag("p", "no still", class_="strip none")
    if record.error:
        caption = tag("p", f"No caption: {escape(record.error)}", class_="error")
    else:
        caption = tag("blockquote", escape(record.dense) or "(empty)")
    facts = " · ".join(part for part in (record.source, record.bucket, length_of(record)) if part)
    ordered = sorted(view.findings, key=lambda finding: -finding.weight)
    why = tag("ul", "".join(_reason(finding) for finding in ordered), class_="why")
    text = tag("div", caption + why + tag("p", sample_link(record.sample_id) + " " + escape(facts), class_="facts"))
    return tag("li", strip + text, class_="card")


def _reason(finding: Finding) -> str:
    chip = tag("span", escape(shown_name(finding.check)), class_="chip", title=f"weight {finding.weight:.2f}")
    return tag("li", chip + " " + escape(finding.why))
