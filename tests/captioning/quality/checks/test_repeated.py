"""One caption on unlike clips is found, nearly equal ones too; clips that look alike may have like captions."""

from captioning.quality.checks.repeated import repeats
from captioning.quality.corpus import Corpus
from tests.captioning.quality.clips import clip, run_check

TEXT = "A man in a red coat walks over a long stone bridge at dusk while three gulls circle above the grey river."


def test_equal_and_nearly_equal_captions_of_unlike_clips() -> None:
    near = TEXT.replace("three gulls", "four gulls")
    records = [
        clip(TEXT, "A man walks over a bridge.", key="one"),
        clip(TEXT, "A cup of tea stands on a table.", key="two"),
        clip(near, "A tractor ploughs a brown field.", key="three"),
        clip("A cat sleeps on a warm radiator in a small kitchen.", "A cat sleeps.", key="four"),
    ]
    seen = run_check("repeated", records)
    assert {key for key, result in seen.items() if result.why} == {"one", "two", "three"}
    assert [[record.key for record in group] for group in repeats(Corpus.of(records).captioned)] == [
        ["one", "three", "two"]
    ]


def test_clips_with_like_frame_captions_are_honest_repeats() -> None:
    frames = "A man in a red coat walks over a stone bridge."
    records = [clip(TEXT, frames, key="one"), clip(TEXT, f"{frames} Gulls circle.", key="two")]
    assert not any(result.why for result in run_check("repeated", records).values())
