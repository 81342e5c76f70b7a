"""The drawings of the caption report.

python -m pytest tests/captioning/report/test_charts.py
"""

import math
import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from captioning.quality.records import Histogram
from captioning.report.charts import draw_bar, draw_histogram, draw_interval, ticks


def histogram(mark: float | None, counts: tuple[int, ...] = (3, 0, 1)) -> Histogram:
    edges = tuple(float(10 * index) for index in range(len(counts) + 1))
    return Histogram(name="tokens <b>", unit="tokens", edges=edges, counts=counts, mark=mark, mark_name="budget")


def test_a_histogram_says_its_bars_and_is_xml() -> None:
    drawn = ElementTree.fromstring(draw_histogram(histogram(20.0)))
    titles = [title.text for title in drawn.iter("title")]
    assert titles == ["0 to 10 tokens: 3 samples", "10 to 20 tokens: 0 samples", "20 to 30 tokens: 1 sample"]
    heights = [float(bar.attrib["height"]) for bar in drawn.iter("rect") if bar.attrib["class"] != "hit"]
    assert math.isclose(heights[0], 3 * heights[2], abs_tol=0.2)
    assert heights[1] == 0
    assert [bar.attrib["class"] for bar in drawn.iter("rect") if bar.attrib["class"] != "hit"] == ["bar", "bar", "over"]


def test_the_line_of_the_budget_stands_inside_or_an_arrow_points_to_it() -> None:
    assert 'class="mark"' in draw_histogram(histogram(20.0))
    assert 'class="mark"' in draw_histogram(histogram(45.0))
    far = draw_histogram(histogram(226.0))
    assert 'class="mark"' not in far
    assert "budget 226 →" in far


def test_nothing_counted_is_drawn_as_nothing() -> None:
    assert "0 samples" in draw_histogram(histogram(None, (0, 0)))
    assert draw_interval(math.nan, 0, 1, 1) == ""


@given(st.floats(-1e6, 1e6), st.floats(0.001, 1e6))
def test_ticks_are_few_and_inside(low: float, span: float) -> None:
    values = ticks(low, low + span)
    assert len(values) <= 8
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in values)


def test_a_bar_gives_each_state_its_share() -> None:
    drawn = draw_bar([("shipped", 75), ("failed", 25)])
    assert re.findall(r'width="([\d.]+)"', drawn) == ["748.00", "248.00"]
    assert 'aria-label="75 shipped, 25 failed"' in drawn
