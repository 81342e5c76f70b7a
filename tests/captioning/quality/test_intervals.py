"""Intervals hold the mean, shrink with the count, and are those of theory where theory knows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.quality.intervals import interval


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60))
def test_the_interval_holds_the_mean(values: list[float]) -> None:
    mean, low, high = interval(values, 0)
    assert low <= mean <= high


def test_shares() -> None:
    assert list(interval([0.0] * 60, 0)) == pytest.approx([0.0, 0.0, 0.0487], abs=1e-3)
    assert list(interval([1.0] * 50 + [0.0] * 50, 0)) == pytest.approx([0.5, 0.402, 0.598], abs=0.015)


def test_many_values_need_no_drawing() -> None:
    values = [float(index % 7) for index in range(7000)]
    mean, low, high = interval(values, 0)
    assert mean == 3
    assert high - low == pytest.approx(2 * 1.96 * 2 / 7000**0.5, rel=0.01)
    assert interval([], 0) == (0, 0, 0)
