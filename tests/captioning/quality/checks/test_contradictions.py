"""A thing of another colour or number is found; what only one side tells is none."""

import pytest

from tests.captioning.quality.clips import why


@pytest.mark.parametrize(
    ("check", "text", "frame", "contradicts"),
    [
        ("colour_conflict", "A red car passes.", "A blue car passes.", True),
        ("colour_conflict", "A small red car passes.", "A red car passes.", False),
        ("colour_conflict", "A red car passes.", "A car passes a blue door.", False),
        ("colour_conflict", "A gray car.", "A grey car.", False),
        ("number_conflict", "Three men walk.", "Two men walk.", True),
        ("number_conflict", "2 old men walk.", "Two men walk.", False),
        ("number_conflict", "Three men walk.", "Men walk past two dogs.", False),
        ("number_conflict", "A pair of dogs.", "Three dogs.", True),
    ],
)
def test_contradictions(check: str, text: str, frame: str, contradicts: bool) -> None:
    assert bool(why(check, text, frame)) == contradicts
