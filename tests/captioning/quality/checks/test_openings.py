"""Stock openings, listed or not, are found; what many clips show is not boilerplate."""

import pytest

from captioning.quality.records import CaptionRecord
from captioning.words import word_set
from tests.captioning.quality.clips import clip, run_check, why

THINGS = sorted(
    word_set("dog cat horse boat train lamp clock kite bell drum cup hat rose leaf fish owl fox bear cow pig")
)


@pytest.mark.parametrize(
    "text",
    ["The video shows a dog.", "In this clip, a dog runs.", "This is an image depicting a dog.", "Sure! A dog runs.",
     "Caption: a dog runs.", "Here is a dog."],
)  # fmt: skip
def test_listed(text: str) -> None:
    assert why("boilerplate", text)


@pytest.mark.parametrize(
    "text", ["A video camera stands on a desk.", "The picture on the wall falls.", "Here a dog runs."]
)
def test_not_listed(text: str) -> None:
    assert why("boilerplate", text) == ""


def _records(opening: str, share: int) -> list[CaptionRecord]:
    """100 clips; every `share`th opens with the words."""
    records = []
    for index in range(100):
        thing, other = THINGS[index % 20], THINGS[index * 7 % 20]
        text = f"a {thing} is beside the {other} number {index}."
        text = f"{opening} {text}" if index % share == 0 else text.capitalize()
        records.append(clip(text, f"A {thing} and a {other}.", key=str(index)))
    return records


def test_an_unlisted_opening_is_found_by_its_repetition() -> None:
    seen = run_check("boilerplate", _records("Softly it unfolds that", 10))
    assert {key for key, result in seen.items() if result.why} == {str(index) for index in range(0, 100, 10)}


def test_a_subject_of_many_clips_is_not_boilerplate() -> None:
    frames = ("A young woman sits.",)
    records = _records("Softly it unfolds that", 1000)[1:]
    records += [clip(f"A young woman sits near a {thing}.", *frames, key=thing) for thing in THINGS]
    assert not any(result.why for result in run_check("boilerplate", records).values())
