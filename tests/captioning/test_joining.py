"""The joined frame captions read as prose, in time order, and say each thing once."""

from hypothesis import example, given
from hypothesis import strategies as st

from captioning.grounding import guard
from captioning.joining import distinct, join
from captioning.words import is_closed, sentences, word_set

WORDS = st.sampled_from(
    sorted(
        word_set(
            "a the cat dog tree river runs sits red blue slowly holds mountain walks and in of camera hat what may be"
        )
    )
)
CAPTIONS = st.lists(
    st.lists(WORDS, min_size=2, max_size=12).map(lambda words: " ".join(words).capitalize() + "."),
    min_size=1,
    max_size=6,
)


def test_repeats_are_said_once_and_order_is_kept() -> None:
    captions = [
        "A cat in a scene of grey. The camera pans left slowly.",
        "A cat in a scene of grey. The camera pans left slowly.",
        "A dog in a scene of green. The camera pans left slowly.",
        "Paris at night",
    ]
    assert join(captions) == (
        "A cat in a scene of grey. The camera pans left slowly. Then a dog in a scene of green. Paris at night."
    )


def test_nothing_to_join() -> None:
    assert join([]) == "" == join(["", "  "])
    assert distinct(["A cat.", "", "A cat."]) == ["A cat."]


def test_links_vary() -> None:
    joined = join(["A cat.", "A dog.", "A hen.", "A cow.", "A fox."])
    assert joined == "A cat. Then a dog. Next a hen. After that a cow. Then a fox."


@given(CAPTIONS)
@example(["May be a."])  # a doubt about nothing
def test_joined_captions_are_always_grounded(captions: list[str]) -> None:
    reason = guard(join(captions), captions).reason
    # Random words may repeat themselves within one caption, but they may never come out as invented.
    assert reason is None or reason.startswith("repetition")


@given(CAPTIONS)
def test_joined_captions_are_closed_sentences_and_stable(captions: list[str]) -> None:
    joined = join(captions)
    assert all(is_closed(sentence) for sentence in sentences(joined))
    assert join([*captions, *captions]) == joined
