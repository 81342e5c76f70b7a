"""The page's drawings as inline SVG: histograms with a line worth drawing, intervals, and bars of shares.

Colours come from the page's style by class; every drawing has a name that a screen reader says, and every bar a text
that shows on hover.

    python -m pytest tests/captioning/report/test_charts.py
"""

import math
from collections.abc import Sequence
from html import escape

from captioning.quality.records import Histogram
from captioning.report.markup import count_of, tag

_WIDTH, _HEIGHT, _SIDE, _TOP, _FLOOR = 520.0, 190.0, 34.0, 26.0, 26.0


def draw_histogram(histogram: Histogram) -> str:
    """Bars over a marked axis. The line of `mark` is drawn where it lies inside; an arrow says that it lies beyond."""
    low, high = histogram.edges[0], histogram.edges[-1]
    mark = histogram.mark
    if mark is not None and high < mark <= low + 2 * (high - low):
        high = mark + 0.04 * (mark - low)
    span = (high - low) or 1.0

    def x_of(value: float) -> float:
        return _SIDE + (value - low) / span * (_WIDTH - 2 * _SIDE)

    most = max(histogram.counts, default=0)
    floor = _HEIGHT - _FLOOR
    drawn = [_rules(most, floor)]
    for first, last, count in zip(histogram.edges, histogram.edges[1:], histogram.counts, strict=False):
        height = count / most * (floor - _TOP) if most else 0.0
        past = mark is not None and first >= mark
        tooltip = f"{first:g} to {last:g} {histogram.unit}: {count_of(count, 'sample')}"
        x, wide = x_of(first) + 0.75, max(x_of(last) - x_of(first) - 1.5, 1.0)
        drawn.append(
            f'<g><title>{escape(tooltip)}</title><rect class="hit" x="{x:.1f}" y="{_TOP:.1f}" width="{wide:.1f}" '
            f'height="{floor - _TOP:.1f}"/><rect class="{"over" if past else "bar"}" x="{x:.1f}" '
            f'y="{floor - height:.1f}" width="{wide:.1f}" height="{height:.1f}" rx="1.5"/></g>'
        )
    drawn += [_text(x_of(tick), floor + 17, f"{tick:g}") for tick in ticks(low, high)]
    if mark is not None and mark > high:
        drawn.append(_text(_WIDTH - _SIDE, _TOP - 6, f"{histogram.mark_name} {mark:g} →".strip(), "mark-name", "end"))
    elif mark is not None and low <= mark:
        x = x_of(mark)
        anchor = "end" if x > 0.6 * _WIDTH else "start"
        label = f"{histogram.mark_name} {mark:g}".strip()
        drawn.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 14:.1f}" y2="{floor:.1f}"/>')
        drawn.append(_text(x + (-6 if anchor == "end" else 6), _TOP - 6, label, "mark-name", anchor))
    name = (
        f"{histogram.name}: {count_of(sum(histogram.counts), 'sample')} between {low:g} and {high:g} {histogram.unit}"
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{escape(name)}" class="histogram">'
        + "".join(drawn)
        + "</svg>"
    )


def histogram_table(histogram: Histogram) -> str:
    """The same numbers as a table, of the bins that hold something."""
    rows = "".join(
        tag("tr", tag("th", f"{first:g} to {last:g}", scope="row") + tag("td", f"{count:,}"))
        for first, last, count in zip(histogram.edges, histogram.edges[1:], histogram.counts, strict=False)
        if count
    )
    head = tag("tr", tag("th", escape(histogram.unit), scope="col") + tag("th", "samples", scope="col"))
    return tag("table", tag("thead", head) + tag("tbody", rows))


def _rules(most: int, floor: float) -> str:
    lines = []
    for tick in ticks(0, most, 4):
        if tick == int(tick):
            y = floor - (tick / most if most else 0) * (floor - _TOP)
            lines.append(f'<line class="rule" x1="{_SIDE:g}" x2="{_WIDTH - _SIDE:g}" y1="{y:.1f}" y2="{y:.1f}"/>')
            lines.append(_text(_SIDE - 6, y + 4, f"{tick:g}", "tick", "end"))
    return "".join(lines)


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten, about as many as asked."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def draw_interval(value: float, low: float, high: float, most: float) -> str:
    """A dot with its interval on an axis from 0 to `most`; empty for what is no number."""
    if not all(map(math.isfinite, (value, low, high, most))) or most <= 0:
        return ""
    left, right, dot = (6 + 148 * min(max(number / most, 0.0), 1.0) for number in (low, high, value))
    return (
        '<svg viewBox="0 0 160 16" class="interval" aria-hidden="true"><line class="axis" x1="6" x2="154" y1="8" '
        f'y2="8"/><line class="range" x1="{left:.1f}" x2="{right:.1f}" y1="8" y2="8"/>'
        f'<circle class="dot" cx="{dot:.1f}" cy="8" r="4"/></svg>'
    )


def draw_bar(pieces: Sequence[tuple[str, int]]) -> str:
    """Shares of a whole as one bar; the piece's name is also its class."""
    total = sum(count for _, count in pieces)
    drawn, x = [], 0.0
    for name, count in pieces:
        wide = 1000 * count / total if total else 0.0
        label = f"{name}: {count:,} ({count / total:.0%})" if total else name
        drawn.append(
            f'<rect class="state {escape(name)}" x="{x:.2f}" y="0" width="{max(wide - 2, 0.5):.2f}" height="12">'
            f"<title>{escape(label)}</title></rect>"
        )
        x += wide
    name = ", ".join(f"{count:,} {name}" for name, count in pieces)
    return (
        f'<svg viewBox="0 0 1000 12" preserveAspectRatio="none" role="img" aria-label="{escape(name)}" class="shares">'
        + "".join(drawn)
        + "</svg>"
    )


def _text(x: float, y: float, text: str, class_name: str = "tick", anchor: str = "middle") -> str:
    return f'<text class="{class_name}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
