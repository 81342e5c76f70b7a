"""Mismatched pairs are told from right ones by their fit, and not at all where fits tell nothing."""

import numpy as np
import pytest

from captioning.quality.matching import FEWEST, Fit, combined, draw_rivals, judge_pairs, standardised


def _fit(seed: int, better: float, wrong: int, count: int = 300) -> Fit:
    """`count` pairs that fit `better` standard deviations better than rivals, but for the first `wrong`."""
    generator = np.random.default_rng(seed)
    own = generator.standard_normal(count).astype(np.float32)
    own[wrong:] += better
    return Fit(own=own, rivals=generator.standard_normal((count, count)).astype(np.float32))


@pytest.mark.parametrize("wrong", [0, 10, 60])
def test_mismatched_pairs_are_found(wrong: int) -> None:
    match = judge_pairs(_fit(1, 8.0, wrong))
    assert match.mismatched[:wrong].mean() >= 0.9 if wrong else True
    assert match.mismatched[wrong:].mean() <= 0.02


def test_nothing_is_found_where_fits_tell_nothing() -> None:
    assert not judge_pairs(_fit(2, 0.0, 20)).mismatched.any()


def test_witnesses_that_tell_more_count_more() -> None:
    both = combined([_fit(3, 8.0, 20), _fit(4, 0.0, 20)])
    assert judge_pairs(both).mismatched[:20].mean() > 0.9


def test_clips_with_too_few_rivals_are_not_judged() -> None:
    fit = _fit(5, 8.0, 0, 20)
    rivals = fit.rivals.copy()
    rivals[0, FEWEST - 1 :] = np.nan
    assert np.isnan(standardised(Fit(own=fit.own, rivals=rivals)).own[0])
    assert not judge_pairs(Fit(own=fit.own - 100, rivals=rivals)).mismatched[0]


def test_rivals_are_drawn_by_the_seed() -> None:
    assert draw_rivals(10, 0).tolist() == list(range(10))
    assert (draw_rivals(10_000, 1) == draw_rivals(10_000, 1)).all()
    assert len(set(draw_rivals(10_000, 1).tolist())) == 400
