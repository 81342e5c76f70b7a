"""Left-out events and wrong order are found; shared words are nobody's event."""

from tests.captioning.quality.clips import clip, run_check, why

FRAMES = (
    "A man opens a wooden gate in a garden.",
    "A man feeds grey pigeons in a garden.",
    "A man climbs a tall ladder in a garden.",
)
WHOLE = "A man opens a wooden gate in a garden, feeds grey pigeons and climbs a tall ladder."


def test_a_whole_caption() -> None:
    assert why("dropped_event", WHOLE, *FRAMES) == "" == why("misordered", WHOLE, *FRAMES)
    assert run_check("coverage", [clip(WHOLE, *FRAMES)])["a"].value == 1


def test_a_left_out_event() -> None:
    text = "A man opens a wooden gate in a garden and climbs a tall ladder."
    assert "pigeons" in why("dropped_event", text, *FRAMES)
    assert run_check("coverage", [clip(text, *FRAMES)])["a"].value < 1


def test_the_order_of_events() -> None:
    text = "A man climbs a tall ladder in a garden, feeds grey pigeons and opens a wooden gate."
    assert why("misordered", text, *FRAMES)
    assert why("misordered", "A man is in a garden.", *FRAMES) == "not judged"
