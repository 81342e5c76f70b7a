"""Folding brings the forms of a word together and keeps different words apart; sentences end where people end them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.words import NEUTRAL_WORDS, STOP_WORDS, content_words, fold, is_closed, sentences, word_set


@pytest.mark.parametrize(
    "forms",
    [
        "run runs running",
        "move moves moved moving",
        "stop stops stopped stopping",
        "carry carries carried carrying",
        "box boxes",
        "glass glasses",
        "horse horses",
        "bus buses",
        "dog dogs dog's",
        "slow slowly",
        "call calls called calling",
        "child children",
        "woman women woman's",
    ],
)
def test_forms_of_one_word_fold_together(forms: str) -> None:
    assert len({fold(form) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    "pair", ["cat car", "red read", "ring rung", "bed bee", "sing sit", "grass gas", "left lift", "king kin"]
)
def test_other_words_stay_apart(pair: str) -> None:
    first, second = pair.split()
    assert fold(first) != fold(second)


@pytest.mark.parametrize(
    "word", sorted(word_set("no not never nothing without two left right above below up down out"))
)
def test_words_that_change_the_meaning_are_content(word: str) -> None:
    assert content_words(word)


def test_stop_and_neutral_words_are_not_content() -> None:
    assert not content_words(" ".join(STOP_WORDS | NEUTRAL_WORDS))
    assert content_words("Cans of soup") == {"can": "cans", "soup": "soup"}
    assert set(content_words("an off-road car")) == {"off", "road", "car"}


@given(st.lists(st.sampled_from(["A cat sits.", "Is it Mr. Fox?", "At 3.5 m it stops!", "It ends"]), max_size=5))
def test_sentences_lose_nothing(parts: list[str]) -> None:
    text = " ".join(parts)
    assert " ".join(sentences(text)) == text


@given(st.text(max_size=80))
def test_sentences_of_any_text_join_to_it(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


def test_sentence_ends() -> None:
    text = 'Dr. Lee waves. "Stop!" A 2.5 m pole falls... Then'
    assert sentences(text) == ["Dr. Lee waves.", '"Stop!"', "A 2.5 m pole falls...", "Then"]
    assert [is_closed(sentence) for sentence in sentences(text)] == [True, True, True, False]
