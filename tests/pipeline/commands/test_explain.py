"""Finding the clip that a person means.

python -m pytest tests/pipeline/commands/test_explain.py
"""

import pytest

from pipeline.commands.explain import find_clip
from schemas.errors import InputError

CLIPS = ["3f2a-0-2000", "3f2a-0-20000", "3f2a-2000-4000", "77aa-0-2000"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("77", "77aa-0-2000"),
        ("3f2a-2", "3f2a-2000-4000"),
        ("3f2a-0-2000", "3f2a-0-2000"),
        ("3f2a-0-20000", "3f2a-0-20000"),
    ],
)
def test_an_id_or_its_beginning_is_enough_if_it_fits_one(text: str, found: str) -> None:
    assert find_clip(text, CLIPS) == found


def test_a_beginning_that_fits_several_lists_them() -> None:
    with pytest.raises(InputError, match="3 clips begin with '3f2a': 3f2a-0-2000, 3f2a-0-20000, 3f2a-2000-4000"):
        find_clip("3f2a", CLIPS)


def test_an_unknown_clip_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no clip '77ab-0-2000' .* did you mean '77aa-0-2000'\?"):
        find_clip("77ab-0-2000", CLIPS)
