"""Lengths: what is over the budget, and histograms that hold every caption."""

from hypothesis import given
from hypothesis import strategies as st

from captioning.quality.checks.sizes import histograms
from captioning.quality.corpus import Corpus
from tests.captioning.quality.clips import clip, run_check


def test_over_the_budget() -> None:
    records = [
        clip("A dog.", key="long", tokens=227),
        clip("A dog.", key="fits", tokens=226),
        clip("A dog.", key="none"),
    ]
    seen = run_check("over_budget", records)
    assert {key: result.value for key, result in seen.items()} == {"long": 1, "fits": 0}


def test_fallback_is_a_share() -> None:
    records = [clip("A dog.", key="a", fallback="loop"), clip("A dog.", key="b")]
    assert [result.value for result in run_check("fallback", records).values()] == [1, 0]


@given(st.lists(st.integers(1, 500), max_size=40))
def test_histograms_count_every_caption(tokens: list[int]) -> None:
    records = [clip("dog " * count, key=str(index), tokens=count) for index, count in enumerate(tokens)]
    for drawn in histograms(Corpus.of(records)):
        assert sum(drawn.counts) == len(tokens)
        assert len(drawn.edges) == len(drawn.counts) + 1
        assert drawn.mark == (226 if drawn.name == "tokens" else None)
