"""Unknown names are answered with the known one that was meant.

python -m pytest tests/schemas/test_nearest.py
"""

from schemas.nearest import did_you_mean


def test_a_close_name_is_suggested() -> None:
    assert did_you_mean("aestetic", ["motion", "aesthetic"]) == "did you mean 'aesthetic'?"


def test_otherwise_all_names_are_listed_in_order() -> None:
    assert did_you_mean("xyz", ["motion", "aesthetic"]) == "there are aesthetic, motion"
