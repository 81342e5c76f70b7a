"""Cut captions are found by their end or by how little they tell."""

import pytest

from tests.captioning.quality.clips import clip, run_check, why

FRAMES = tuple(
    f"A man in a red coat {acts} on a long stone bridge at dusk." for acts in ("walks", "waves", "sits down")
)


@pytest.mark.parametrize(
    "text", ["A man walks along the", "A dog and", "A man walks with a.", "He wears a red.", "A dog or."]
)
def test_what_breaks_off(text: str) -> None:
    assert why("truncated", text)


@pytest.mark.parametrize(
    "text", ["A bus stands by.", "The wall is painted red.", "A woman looks at him.", "Rain falls!"]
)
def test_what_ends(text: str) -> None:
    assert why("truncated", text) == ""


def test_far_shorter_than_others_make_of_their_frame_captions() -> None:
    whole = "A man in a red coat walks on a long stone bridge at dusk, then waves, and sits down at last."
    records = [clip(whole, *FRAMES, key=str(index)) for index in range(30)]
    seen = run_check("truncated", [*records, clip("A man walks.", *FRAMES, key="short")])
    assert seen["short"].why.startswith("3 words of the ")
    assert sum(result.value for result in seen.values()) == 1
