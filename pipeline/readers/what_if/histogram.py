"""A histogram of clips as inline SVG: kept, dropped by this column's rules, dropped by others, and the thresholds.

svg = draw_histogram(values, fates, rules)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.rules import Rule

Fate = Literal["kept", "elsewhere", "here"]
"""The outcome of a clip: kept in the end, dropped elsewhere though it passes here, or dropped here."""
FATES: tuple[Fate, ...] = ("kept", "elsewhere", "here")

_WIDTH, _HEIGHT, _SIDE, _FLOOR, _LABEL = 520, 150, 14, 22, 16
_MORE = 80  # the width of `and more` at the right end
_FEWEST_BINS, _MOST_BINS = 16, 40
_TAIL = 2.0  # if the maximum exceeds this many times the 98th percentile, the tail goes into the last bin


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The range that is drawn; `is_cut`: values beyond its end go into the last bin."""

    low: float
    high: float
    is_cut: bool

    def place(self, value: float) -> float:
        """The x coordinate of a value, clamped to the ends."""
        share = (value - self.low) / (self.high - self.low)
        return _SIDE + min(max(share, 0.0), 1.0) * (_WIDTH - 2 * _SIDE)


def make_axis(values: NDArray[np.float64], thresholds: Sequence[float]) -> Axis:
    """The range of the values without a long tail, extended to nearby thresholds."""
    place = round(0.98 * (len(values) - 1))
    low, most = float(values.min()), float(values.max())
    usual = float(np.partition(values, place)[place])
    is_cut = low >= 0 and most > _TAIL * usual > 0
    high = usual * 1.1 if is_cut else most
    span = (high - low) or abs(high) or 1.0
    nearby = [threshold for threshold in thresholds if low - span / 2 <= threshold <= high + span / 2]
    low, high = min([low, *nearby]), max([high, *nearby])
    if low == high:
        return Axis(low=low - span / 2, high=high + span / 2, is_cut=False)
    return Axis(low=low, high=high, is_cut=is_cut and most > high)


def draw_histogram(values: NDArray[np.float64], fates: NDArray[np.int8], rules: Sequence[Rule]) -> str:
    """The distribution of `values` [N], N > 0, as SVG with the thresholds of `rules`, which must be numeric.

    `fates` [N] are places in `FATES`.
    """
    thresholds = [float(rule.threshold) for rule in rules]
    axis = make_axis(values, thresholds)
    count = min(max(2 * math.isqrt(len(values)), _FEWEST_BINS), _MOST_BINS)
    step = (axis.high - axis.low) / count
    places = np.clip((values - axis.low) / step, 0, count - 1).astype(np.int64)
    counted = np.bincount(places * len(FATES) + fates, minlength=count * len(FATES)).reshape(count, len(FATES))
    bins = [dict(zip(FATES, map(int, row), strict=True)) for row in counted]
    top = _LABEL * len(rules) + 8
    edges = [axis.low + index * step for index in range(count + 1)]
    bars = _bars(
        [
            (axis.place(first) + 0.5, axis.place(last) - 0.5, f"{first:.4g} to {last:.4g}", counts)
            for first, last, counts in zip(edges, edges[1:], bins, strict=False)
        ],
        top,
    )
    lines = "".join(_threshold(rule, axis, index, top) for index, rule in enumerate(rules))
    return _svg(top, bars + _ticks(axis, top) + lines)


def draw_words(counts: Mapping[str, dict[Fate, int]]) -> str:
    """The number of clips per word and fate as SVG, the most frequent word first."""
    ordered = sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    width = (_WIDTH - 2 * _SIDE) / len(ordered)
    slots = [(_SIDE + index * width + 3, _SIDE + (index + 1) * width - 3) for index in range(len(ordered))]
    bars = _bars(
        [(*slot, word, counts) for slot, (word, counts) in zip(slots, ordered, strict=True)],
        8,
    )
    names = "".join(
        _text((first + last) / 2, 8 + _HEIGHT + 15, word, "tick", "middle")
        for (first, last), (word, _) in zip(slots, ordered, strict=True)
    )
    return _svg(8, bars + names)


def _bars(columns: Sequence[tuple[float, float, str, dict[Fate, int]]], top: float) -> str:
    highest = max(sum(counts.values()) for *_, counts in columns)
    groups = []
    for first, last, name, counts in columns:
        total = sum(counts.values())
        if not total:
            continue
        y = top + _HEIGHT
        rects = ""
        for fate in FATES:
            height = _HEIGHT * counts[fate] / highest
            y -= height
            rects += (
                f'<rect class="{fate}" x="{first:.1f}" y="{y:.1f}" width="{last - first:.1f}" height="{height:.1f}"/>'
            )
        here, elsewhere = counts["here"], counts["elsewhere"]
        title = f"{name}: {total} clips, {counts['kept']} kept, {here} dropped here, {elsewhere} elsewhere"
        groups.append(f"<g><title>{escape(title)}</title>{rects}</g>")
    return "".join(groups)


def _threshold(rule: Rule, axis: Axis, index: int, top: float) -> str:
    value = float(rule.threshold)
    x = axis.place(value)
    beyond = " ▸" if value > axis.high else " ◂" if value < axis.low else ""
    y = 12 + index * _LABEL
    side = "end" if x > _WIDTH / 2 else "start"
    label = f"{rule.comparison} {value:.4g}{beyond}" + (f"  ({rule.text})" if rule.is_resolved else "")
    line = f'<line class="threshold" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 9}" y2="{top + _HEIGHT}"/>'
    return line + _text(x + (-5 if side == "end" else 5), y, label, "label", side)


def _ticks(axis: Axis, top: float) -> str:
    rough = (axis.high - axis.low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    first = math.ceil(axis.low / step)
    ticks = [index * step for index in range(first, math.floor(axis.high / step) + 1)]
    floor = top + _HEIGHT
    more = _text(_WIDTH - 2, floor + 15, "and more ▸", "tick", "end") if axis.is_cut else ""
    last = _WIDTH - _MORE if axis.is_cut else _WIDTH
    visible = [tick for tick in ticks if axis.place(tick) <= last]
    marks = "".join(_text(axis.place(tick), floor + 15, f"{tick:.6g}", "tick", "middle") for tick in visible)
    return f'<line class="floor" x1="{_SIDE}" x2="{_WIDTH - _SIDE}" y1="{floor}" y2="{floor}"/>{marks}{more}'


def _text(x: float, y: float, words: str, style: str, anchor: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(top: float, inside: str) -> str:
    height = top + _HEIGHT + _FLOOR
    return f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img">{inside}</svg>'
