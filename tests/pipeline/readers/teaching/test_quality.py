"""Measures of predictions against hand-computed values, and intervals that account for sources.

python -m pytest tests/pipeline/readers/teaching/test_quality.py
"""

import numpy as np
import pytest

from pipeline.readers.teaching.quality import judge


def test_class_measures_are_those_of_the_textbook() -> None:
    values = np.array([1.0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    predicted = np.array([0.9, 0.8, 0.7, 0.1, 0.6, 0.5, 0.2, 0.2, 0.1, 0.0])
    estimates = judge("class", predicted, values, np.arange(10).astype(str))
    assert estimates["precision"].value == pytest.approx(3 / 5)
    assert estimates["recall"].value == pytest.approx(3 / 4)
    assert estimates["specificity"].value == pytest.approx(4 / 6)
    assert estimates["balanced_accuracy"].value == pytest.approx((3 / 4 + 4 / 6) / 2)
    assert estimates["pearson"].value == pytest.approx(np.corrcoef(predicted, values)[0, 1])


def test_rating_measures_are_correlations() -> None:
    values = np.array([1.0, 2, 3, 4, 10])
    estimates = judge("rating", values**3, values, np.arange(5).astype(str))
    assert set(estimates) == {"pearson", "spearman"}
    assert estimates["spearman"].value == pytest.approx(1)
    assert estimates["pearson"].value < 1


def test_rows_of_one_source_make_no_interval_narrower() -> None:
    random = np.random.default_rng(0)
    values = (random.random(20) < 0.5).astype(float)
    predicted = np.clip(values + random.normal(0, 0.6, 20), 0, 1)
    sources = np.arange(20).astype(str)
    once = judge("class", predicted, values, sources)["balanced_accuracy"]
    many, labels = np.repeat(predicted, 9), np.repeat(values, 9)
    often = judge("class", many, labels, np.repeat(sources, 9))["balanced_accuracy"]
    assert once == often
    assert once.low < once.value < once.high
    alone = judge("class", many, labels, np.arange(180).astype(str))["balanced_accuracy"]
    assert alone.high - alone.low < 0.6 * (once.high - once.low)


def test_what_is_not_defined_is_not_a_number() -> None:
    estimates = judge("class", np.zeros(4), np.array([1.0, 0, 1, 0]), np.arange(4).astype(str))
    assert np.isnan(estimates["precision"].value)
    assert np.isnan(estimates["pearson"].value)
    assert estimates["recall"].value == 0
