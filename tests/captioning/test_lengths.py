"""Short and medium captions keep to their words and end as sentences."""

from hypothesis import given
from hypothesis import strategies as st

from captioning.lengths import MEDIUM_WORDS, SHORT_WORDS, lengths, shorten
from captioning.words import word_set

TOKENS = st.lists(
    st.sampled_from(sorted(word_set("a cat and, while dog. runs in the, tree! red of Mr. with , 3.5 … walks; – (so)"))),
    min_size=1,
    max_size=120,
)


@given(TOKENS)
def test_limits_hold_and_nothing_is_added(tokens: list[str]) -> None:
    cut = lengths(" ".join(tokens))
    assert 0 < len(cut.short.split()) <= SHORT_WORDS
    assert 0 < len(cut.medium.split()) <= MEDIUM_WORDS
    for text in (cut.short, cut.medium):
        assert cut.dense.startswith(text) or cut.dense.startswith(text.rstrip("."))


@given(TOKENS, st.integers(1, 40))
def test_what_fits_stays_whole(tokens: list[str], limit: int) -> None:
    text = " ".join(tokens)
    cut = shorten(text, limit)
    assert len(cut.split()) <= limit
    if len(tokens) <= limit:
        assert cut == text


def test_whole_sentences_are_preferred() -> None:
    text = "A cat sits on a wall. It looks at a dog that runs, barks and jumps."
    assert shorten(text, 12) == "A cat sits on a wall."
    assert shorten(text, 16) == text


def test_long_first_sentence_is_cut_at_a_clause() -> None:
    text = "A man in a blue coat walks along the beach, bends down to pick up a shell and looks at the sea."
    assert shorten(text, 12) == "A man in a blue coat walks along the beach."


def test_without_a_clause_it_is_cut_before_a_joining_word() -> None:
    text = "A lab coat in a scene of mostly light grey with some blue and a touch of orange."
    assert shorten(text, 15) == "A lab coat in a scene of mostly light grey with some blue."
    assert shorten("one two three four five", 3) == "one two three."


def test_empty_stays_empty() -> None:
    assert lengths("  ").short == ""
