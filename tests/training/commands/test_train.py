"""What `just train` says of where it begins: nothing to do is said at once.

python -m pytest tests/training/commands/test_train.py
"""

import pytest

from training.commands.train import _left


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (120, "resuming after step 120 of 360"),
        (360, "all 360 steps are done: nothing is trained; measuring the validation"),
    ],
)
def test_a_resumed_run_says_what_is_left(done: int, words: str) -> None:
    assert _left(done, 360).startswith(words)
