"""What is cut ends with a sentence, fits, and would not fit with one more."""

from hypothesis import given
from hypothesis import strategies as st

from captioning.budget import cut_to_budget, words_for
from captioning.words import is_closed, sentences

SENTENCE = st.lists(st.sampled_from(["a", "red", "boat", "drifts", "past", "old", "piers"]), min_size=1, max_size=9)
TEXT = st.lists(SENTENCE.map(lambda words: " ".join(words).capitalize() + "."), max_size=8).map(" ".join)


def count(text: str) -> int:
    return len(text.split()) + 1


@given(TEXT, st.integers(1, 40))
def test_the_longest_run_of_whole_sentences_that_fits(text: str, budget: int) -> None:
    cut = cut_to_budget(text, count, budget)
    whole = sentences(text)
    kept = sentences(cut)
    assert kept == whole[: len(kept)]
    if cut:
        assert count(cut) <= budget
        assert is_closed(cut)
    if len(kept) < len(whole):
        assert count(" ".join(whole[: len(kept) + 1])) > budget


def test_the_words_to_ask_for_fit_a_text_like_the_one_that_did_not() -> None:
    text = "word " * 300
    assert words_for(226, 390, text) == int(0.9 * 226 * 300 / 390)
    assert words_for(16, 4000, "word") == 10
