"""Nothing that no frame caption said comes through, and nothing that is not prose."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from captioning.grounding import doubted, guard
from captioning.words import content_words

CAPTIONS = ("A brown dog runs across a lawn.", "The dog jumps over two logs. The camera pans left slowly.")


@pytest.mark.parametrize(
    "summary",
    [
        "A brown dog runs across a lawn, then jumps over two logs as the camera pans left slowly.",
        "The dog is running. It jumped over logs while the camera begins a slow pan left.",
        "A dog, running on the lawn's brown logs.",
    ],
)
def test_words_of_the_captions_may_stand_in_any_form(summary: str) -> None:
    assert guard(summary, CAPTIONS).reason is None


@pytest.mark.parametrize(
    ("summary", "reason"),
    [
        ("", "the model wrote nothing"),
        ("A dog barks at the logs.", "not in any frame caption: barks"),
        ("A black dog and a white cat run.", "not in any frame caption: black, white, cat"),
        ("The camera pans right slowly.", "not in any frame caption: right"),
        ("The dog never runs.", "not in any frame caption: never"),
        ("Three logs.", "not in any frame caption: three"),
        ("Sure! A dog runs.", "preamble: 'Sure'"),
        ("Here is the summary: A dog runs.", "preamble: 'Here is'"),
        ("Here's a dog.", 'preamble: "Here\'s"'),
        ("The summary: a dog runs.", "preamble: 'The summary'"),
        ("The video shows a dog.", "speaks of the medium: 'The video shows'"),
        ("A dog runs in the first frame.", "speaks of the medium: 'first frame'"),
        ("A dog runs in a video.", "names the medium: video"),
        ("- A dog runs.\n- It jumps.", "list or markup: '-'"),
        ("1. A dog runs.", "list or markup: '1.'"),
        ("A **brown** dog runs.", "list or markup: '**'"),
        ("A dog that runs and", "no sentence came to its end"),
        ("The dog runs. The dog jumps. The dog runs.", "repetition: 'The dog runs.'"),
        ("A brown dog. What may be a brown dog.", "repetition: 'What may be a brown dog.'"),
        ("What may be a dog runs.", "in doubt of what the frame captions tell: a dog runs"),
        ("What may be a scene.", "in doubt of what the frame captions tell: a scene"),
        ("He runs with the dog.", "tells a sex that no frame caption tells: he"),
        ("A dog runs and a dog runs and a dog runs and a dog runs.", "repetition: 'a dog runs and'"),
    ],
)
def test_everything_else_is_rejected_with_its_reason(summary: str, reason: str) -> None:
    assert guard(summary, CAPTIONS).reason == reason


def test_unfinished_end_is_cut_before_it_is_judged() -> None:
    verdict = guard("A dog runs across a lawn. It jumps over a gho", CAPTIONS)
    assert verdict.text == "A dog runs across a lawn."
    assert verdict.reason is None


def test_medium_may_be_named_if_the_captions_do() -> None:
    assert guard("A picture frame and a video camera.", ["A video camera before a picture frame."]).reason is None


def test_doubt_must_stay_doubt() -> None:
    captions = ["What may be a hawk in a blue sky.", "A tree in a blue sky."]
    assert doubted(captions) == ["hawk"]
    assert guard("A hawk in a blue sky.", captions).reason == "certain of what the frame captions doubt: hawk"
    assert guard("What may be a hawk, then a tree in a blue sky.", captions).reason is None
    assert guard("A hawk in a blue sky.", [*captions, "A hawk."]).reason is None


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=12))
def test_a_word_not_in_the_captions_is_always_caught(word: str) -> None:
    content = content_words(word)
    held = {key for caption in CAPTIONS for key in content_words(caption)}
    assume(content and not set(content) & held)
    reason = guard(f"A brown dog runs across a {word} lawn.", CAPTIONS).reason
    assert reason is not None
    assert word in reason
