"""Fitting: signals that generalise across sources are learned, and signals of single sources are not mistaken for them.

python -m pytest tests/pipeline/readers/teaching/test_fitting.py
"""

import numpy as np
import pytest

from pipeline.readers.teaching.fitting import Examples, fit, held_out, learn
from pipeline.readers.teaching.labels import Kind
from pipeline.readers.teaching.quality import judge
from pipeline.stages.score.scorers.base import unit_length
from schemas.errors import InputError

SOURCES, EACH, WIDTH = 16, 3, 40


def examples(kind: Kind, signal: float, seed: int = 0) -> Examples:
    """Nearly equal vectors of each source; labels follow the first number as far as `signal` says, else the source."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(SOURCES, WIDTH))
    truth = (
        random.normal(size=SOURCES) if kind == "rating" else random.permutation(np.arange(SOURCES) % 2).astype(float)
    )
    centres[:, 0] += signal * (truth - truth.mean())
    vectors = np.repeat(centres, EACH, axis=0) + 0.01 * random.normal(size=(SOURCES * EACH, WIDTH))
    sources = np.repeat(np.array([f"{number}.mp4" for number in range(SOURCES)]), EACH)
    owners = np.arange(SOURCES * EACH)
    return Examples(kind, vectors.astype(np.float32), owners, np.repeat(truth, EACH), sources)


@pytest.mark.parametrize("kind", ["class", "rating"])
def test_what_holds_across_sources_is_learned(kind: Kind) -> None:
    given = examples(kind, signal=30.0)
    lesson = learn(given)
    estimates = judge(kind, lesson.predicted, given.values, given.sources)
    assert estimates["pearson"].value > 0.7
    assert np.corrcoef(given.predict(lesson.head), given.values)[0, 1] > 0.85


@pytest.mark.parametrize("kind", ["class", "rating"])
def test_knowing_the_sources_is_not_knowing_the_labels(kind: Kind) -> None:
    """Rows of a source are nearly equal and share their label, so random folds would find a perfect head in noise."""
    given = examples(kind, signal=0.0)
    alone = Examples(kind, given.vectors, given.owners, given.values, given.owners.astype(str))
    assert np.corrcoef(held_out(alone, penalty=0.03), given.values)[0, 1] > 0.95
    estimates = judge(kind, learn(given).predicted, given.values, given.sources)
    assert estimates["pearson"].value < 0.5
    if kind == "class":
        assert 0.2 < estimates["balanced_accuracy"].value < 0.7


@pytest.mark.parametrize("kind", ["class", "rating"])
def test_the_smaller_matrices_give_the_same_head(kind: Kind) -> None:
    given = examples(kind, signal=3.0)
    lesson = learn(given)
    np.testing.assert_allclose(lesson.head.weights, fit(given, lesson.penalty).weights, atol=0.01)


def test_a_thing_of_many_stills_weighs_and_is_predicted_as_one() -> None:
    given = examples("class", signal=30.0)
    whole = Examples("class", given.vectors, given.owners // EACH, given.values[::EACH], given.sources[::EACH])
    assert whole.weights().sum() == pytest.approx(SOURCES)
    head = fit(whole, 0.03)
    first = head.apply(given.vectors[:EACH]).mean()
    assert whole.predict(head)[0] == pytest.approx(first)
    part = whole.of(np.array([3, 7]))
    assert part.predict(head) == pytest.approx(whole.predict(head)[[3, 7]])
    assert list(part.sources) == ["3.mp4", "7.mp4"]


def test_a_rare_class_weighs_as_much_as_the_other() -> None:
    values = np.array([1.0, 0, 0, 0, 0])
    vectors = np.ones((5, 3), np.float32)
    weights = Examples("class", vectors, np.arange(5), values, values.astype(str)).weights()
    assert weights[values == 1].sum() == pytest.approx(weights[values == 0].sum())
    assert unit_length(vectors).shape == (5, 3)


def test_too_few_sources_are_refused() -> None:
    given = examples("class", signal=1.0)
    few = Examples(
        "class", given.vectors, given.owners, given.values, np.where(given.values == 1, "film", given.sources)
    )
    with pytest.raises(InputError, match="come from 1 source of each class"):
        learn(few)
    same = Examples("class", given.vectors, given.owners, np.ones_like(given.values), given.sources)
    with pytest.raises(InputError, match="come from 0 source of each class"):
        learn(same)
