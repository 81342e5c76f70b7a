"""Pairs: a source is on one side only and stays there; made pairs keep to their teacher's rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.distill.measure import score_summary
from captioning.distill.pairs import Pair, split_by_source
from captioning.distill.synthetic_pairs import MOST, MOST_WORDS, synthetic_pairs
from captioning.distill.synthetic_training import SHARES, TEMPLATES, synthetic_training_pairs
from captioning.distill.synthetic_words import HELD_OUT, TRAINING, Vocabulary
from captioning.grounding import guard
from captioning.joining import join
from captioning.words import content_words
from schemas.errors import InputError


def pair(source: str, clip: int = 0) -> Pair:
    return Pair(sample_id=f"{source}-{clip}", source=source, captions=("A cat.",), summary="A cat.")


@given(
    st.lists(st.text(max_size=8), min_size=2, max_size=40, unique=True),
    st.floats(0, 1),
    st.integers(0, 5),
    st.integers(1, 3),
)
def test_a_source_is_learned_from_or_judged_by(sources: list[str], share: float, seed: int, clips: int) -> None:
    pairs = [pair(source, clip) for clip in range(clips) for source in sources]
    learned, held_out = split_by_source(pairs, share, seed)
    assert learned
    assert held_out
    assert {pair.source for pair in learned}.isdisjoint(pair.source for pair in held_out)
    assert sorted(pair.sample_id for pair in learned + held_out) == sorted(pair.sample_id for pair in pairs)
    assert split_by_source(pairs[::-1], share, seed)[1] == held_out[::-1]


def test_growth_moves_no_source_and_the_share_is_met() -> None:
    few, many = ([pair(f"film {number}") for number in range(count)] for count in (100, 1000))
    held_out = [pair.source for pair in split_by_source(many, 0.1)[1]]
    assert 70 <= len(held_out) <= 130
    assert [pair.source for pair in split_by_source(few, 0.1)[1]] == [
        source for source in held_out if source in {two.source for two in few}
    ]


def test_one_source_alone_cannot_be_split() -> None:
    with pytest.raises(InputError, match="at least 2"):
        split_by_source([pair("film", 0), pair("film", 1)], 0.1)


@pytest.mark.parametrize("words", [TRAINING, HELD_OUT])
def test_made_pairs_are_short_grounded_and_the_same_again(words: Vocabulary) -> None:
    pairs = synthetic_pairs(60, words, seed=3)
    assert pairs == synthetic_pairs(60, words, seed=3)
    assert pairs != synthetic_pairs(60, words, seed=4)
    assert {len(pair.captions) for pair in pairs} >= {3, 4, 5, 6}
    assert len({pair.source for pair in pairs}) == 20
    for pair in pairs:
        marks = score_summary(pair.captions, pair.summary)
        assert marks.length <= MOST
        assert marks.coverage >= 0.6
        assert marks.support == 1
        assert guard(pair.summary, pair.captions).reason is None
        assert sum(len(text.split()) for text in (*pair.captions, pair.summary)) <= MOST_WORDS


def test_lessons_copy_their_notes_and_no_kind_of_fact_is_always_there() -> None:
    examples = synthetic_training_pairs(300, seed=3)
    assert examples == synthetic_training_pairs(300, seed=3)
    assert len({example.source for example in examples}) == 100
    for example in examples:
        assert score_summary(example.captions, example.summary).length <= MOST
        assert score_summary([join(example.captions)], example.summary).invented == 0
        assert guard(example.summary, example.captions).reason is None
    for form in ("in the background", " light", "camera", "nearby"):
        holding = [example for example in examples if form in " ".join(example.captions)]
        assert 0.15 < len(holding) / len(examples) < 0.65, form
        assert all(form in example.summary for example in holding), form
    assert set(SHARES) == set(TEMPLATES)
    assert all(0.3 <= share <= 0.6 for share in SHARES.values())


def test_what_judges_is_told_in_no_word_of_content_that_teaches() -> None:
    def content_of(words: Vocabulary) -> set[str]:
        actions = [form for action in words.actions for form in action]
        lists = (words.adjectives, words.nouns, words.adverbials, words.places, words.backgrounds, words.lights,
                 words.cameras, words.bystanders, actions)  # fmt: skip
        return set(content_words(" ".join(text for texts in lists for text in texts)))

    taught = {
        word for pair in synthetic_training_pairs(1500, seed=0) for word in content_words(" ".join(pair.captions))
    }
    form = {"light"}  # of both worlds: "The light is ..."; one held-out camera shakes lightly
    assert ((taught - form) | content_of(TRAINING)) & content_of(HELD_OUT) == set()
    assert len(content_of(HELD_OUT)) > 150
    assert len(taught) > 1000
