"""The histogram: every clip is in one bar, coloured by its outcome, and thresholds are drawn at their values.

python -m pytest tests/pipeline/readers/what_if/test_histogram.py
"""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.readers.what_if.histogram import FATES, Fate, draw_histogram, draw_words, make_axis
from schemas.rules import Rule, parse_rule

values = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50)


def _rule(text: str) -> Rule:
    rule = parse_rule(text)
    assert isinstance(rule, Rule)
    return rule


def _places(fates: list[Fate]) -> NDArray[np.int8]:
    return np.array([FATES.index(fate) for fate in fates], np.int8)


def _counts(drawn: str) -> dict[str, int]:
    titles = re.findall(r"<title>.*?: (\d+) clips, (\d+) kept, (\d+) dropped here, (\d+) elsewhere</title>", drawn)
    sums = [sum(int(title[column]) for title in titles) for column in range(4)]
    return dict(zip(("all", "kept", "here", "elsewhere"), sums, strict=True))


@given(values, st.lists(st.floats(-1e9, 1e9), max_size=2), st.data())
def test_every_clip_is_in_one_bar_with_its_fate(
    values: list[float], thresholds: list[float], data: st.DataObject
) -> None:
    fates: list[Fate] = data.draw(st.lists(st.sampled_from(FATES), min_size=len(values), max_size=len(values)))
    drawn = draw_histogram(np.array(values), _places(fates), [_rule(f"motion >= {value!r}") for value in thresholds])
    assert _counts(drawn) == {"all": len(values)} | {fate: fates.count(fate) for fate in FATES}
    assert drawn.count('class="threshold"') == len(thresholds)
    numbers = [float(value) for value in re.findall(r' (?:x|y|x1|x2|width|height)="([^"]+)"', drawn)]
    assert all(math.isfinite(number) and -10 <= number <= 600 for number in numbers)


def test_a_threshold_stands_where_its_number_is() -> None:
    axis = make_axis(np.array([0.0, 10.0]), [5.0])
    assert axis.place(5.0) == (axis.place(0.0) + axis.place(10.0)) / 2
    x = re.search(
        r'class="threshold" x1="([\d.]+)"',
        draw_histogram(np.array([0.0, 10.0]), _places(["kept", "kept"]), [_rule("a > 5")]),
    )
    assert x is not None
    assert float(x.group(1)) == pytest.approx(axis.place(5.0), abs=0.1)


def test_a_threshold_far_outside_stands_at_the_edge_and_points_on() -> None:
    drawn = draw_histogram(np.array([1.0, 2.0]), _places(["here", "here"]), [_rule("width >= 768")])
    assert "&gt;= 768 ▸" in drawn


def test_a_long_tail_is_gathered_at_the_end() -> None:
    axis = make_axis(np.array([*range(100), 1e6]), [])
    assert axis.is_cut
    assert axis.high < 200
    assert not make_axis(np.array([*range(100)], np.float64), []).is_cut


def test_words_stand_side_by_side_the_most_frequent_first() -> None:
    none = dict.fromkeys(FATES, 0)
    drawn = draw_words({"pan left": {**none, "kept": 1}, "static": {**none, "here": 1, "elsewhere": 1}})
    assert _counts(drawn) == {"all": 3, "kept": 1, "here": 1, "elsewhere": 1}
    assert drawn.index(">static<") < drawn.index(">pan left<")
