"""Camera and motion words are held against the measures; talk of cuts is found."""

import pytest

from tests.captioning.quality.clips import why


@pytest.mark.parametrize(
    ("text", "camera", "contradicts"),
    [
        ("The camera pans left.", "pan right", True),
        ("The camera pans slowly to the left.", "pan left", False),
        ("The camera zooms in on a dog.", "static", True),
        ("The camera holds still.", "zoom out", True),
        ("A static camera shows a dog.", "static", False),
        ("A man frying eggs in a pan turns left.", "static", False),
    ],
)
def test_camera(text: str, camera: str, contradicts: bool) -> None:
    assert bool(why("camera_conflict", text, camera=camera)) == contradicts


def test_motion() -> None:
    assert why("motion_conflict", "A man stands motionless.", motion=30.0)
    assert why("motion_conflict", "A car races past.", motion=0.1)
    assert why("motion_conflict", "A car races past.", motion=12.0) == ""
    assert why("motion_conflict", "A car races past.") == "not judged"


@pytest.mark.parametrize(
    "text", ["Then the scene changes to a beach.", "The shot cuts to a dog.", "A montage of dogs."]
)
def test_cuts(text: str) -> None:
    assert why("scene_change", text)


@pytest.mark.parametrize(
    "text", ["A man cuts bread.", "The traffic light changes to green.", "A horse jumps over a fence."]
)
def test_no_cuts(text: str) -> None:
    assert why("scene_change", text) == ""
