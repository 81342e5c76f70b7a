"""Each fault of form is found where it was made, and plain captions pass all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.captioning.quality.clips import clip, run_check, why

FORM = (
    "empty",
    "error",
    "refusal",
    "frame_leak",
    "markup",
    "thinking",
    "hedge",
    "negation",
    "foreign",
    "loop",
    "truncated",
)
PLAIN = (
    "A grey wolf stands between trees and turns its head.",
    "Two small children jump up and down on a bed in a bright bedroom with pink striped wallpaper.",
    "A woman hangs a picture in a wooden frame on the wall. Then she steps back and looks at it.",
    "A red tram passes a church at dusk, while the camera pans left slowly. Next a man walks by.",
    "A can of paint and a pan stand on the floor of an empty room.",
)


@pytest.mark.parametrize("text", PLAIN)
def test_plain_captions_pass(text: str) -> None:
    assert {name: why(name, text) for name in FORM} == dict.fromkeys(FORM, "")


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("empty", ""),
        ("empty", " \n"),
        ("error", "Error: 429"),
        ("error", "None"),
        ("error", "Traceback (most recent call last): the request failed while the model was loaded"),
        ("refusal", "I'm sorry, but I can't help with that."),
        ("refusal", "As an AI language model, I have no eyes."),
        ("refusal", "There was no image provided."),
        ("frame_leak", "In the first frame a dog sits; in the last frame it runs."),
        ("frame_leak", "Frame 3 shows a car."),
        ("frame_leak", "A dog runs across all frames."),
        ("markup", "**Summary** A dog runs."),
        ("markup", '{"caption": "A dog runs."}'),
        ("markup", "- A dog runs.\n- A cat sits."),
        ("markup", "A dog runs.\nA cat sits."),
        ("markup", "A dog runs.</think> It jumps."),
        ("thinking", "The user wants a caption. A dog runs."),
        ("hedge", "The man is possibly a doctor."),
        ("hedge", "What may be a cat in a scene of grey."),
        ("negation", "There are no people in the street."),
        ("negation", "The face is not visible."),
        ("foreign", "Ein Mann geht mit dem Hund durch die Stadt und lacht."),
        ("foreign", "一只狗在草地上奔跑"),
        ("foreign", "dog grass running blue sky tree happy jump ball park sunny day"),
        ("loop", "A dog runs. A cat sits. A dog runs."),
        ("loop", "A man walks down the street and walks down the street and walks down the street."),
        ("loop", "the the the the dog."),
    ],
)
def test_faults_are_found(check: str, text: str) -> None:
    assert why(check, text)


def test_doubt_that_a_captioner_utters_by_design_is_measured_and_no_finding() -> None:
    frames = ("What may be a cat in a scene of grey.",)
    (seen,) = run_check("hedge", [clip("What may be a cat in a scene of grey.", *frames, captioner="facts")]).values()
    assert (seen.value, seen.why) == (1, "")
    (seen,) = run_check("hedge", [clip("Possibly a cat in a scene of grey.", *frames, captioner="facts")]).values()
    assert seen.why == "is in doubt: 'Possibly'"
    (seen,) = run_check("hedge", [clip("What may be a cat.", *frames, captioner="vllm")]).values()
    assert seen.why == "is in doubt: 'may be'"


def test_a_failed_clip_is_an_error_and_empty() -> None:
    record = clip("", error="the model timed out")
    assert run_check("error", [record])["a"].why == "captioning failed: the model timed out"
    assert run_check("empty", [record])["a"].value == 1


def test_turns_of_phrase_that_frame_captions_share_are_no_loop() -> None:
    frames = [f"A man in a black suit {acts}." for acts in ("sits", "walks", "runs away", "falls")]
    assert why("loop", " Then ".join(frames).replace(". ", ", "), *frames) == ""
    assert why("loop", " Then ".join(frames).replace(". ", ", "))


def test_the_run_that_is_named_is_one_that_comes_again() -> None:
    tale = "a person who goes to a park and finds a way out of the woods"
    assert why("loop", f"A joke of {tale}, and of {tale}.", f"A dog sees {tale}.").endswith(" 2 times")


@given(st.text(max_size=200))
def test_any_text_is_judged(text: str) -> None:
    for name in (*FORM, "boilerplate", "invented", "scene_change", "colour_conflict"):
        for seen in run_check(name, [clip(text, "A dog runs.")]).values():
            assert bool(seen.value) == bool(seen.why)
