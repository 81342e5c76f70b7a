"""Evenly spaced items: in order, the ends among them, never more than asked for.

python -m pytest tests/schemas/test_spacing.py
"""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from schemas.spacing import evenly_spaced


@given(st.integers(0, 60), st.integers(1, 60))
def test_items_keep_their_order_and_their_distance(length: int, count: int) -> None:
    chosen = evenly_spaced(range(length), count)
    assert len(chosen) == min(length, count)
    steps = {second - first for first, second in pairwise(chosen)}
    assert all(step >= 1 for step in steps)
    assert max(steps, default=0) - min(steps, default=0) <= 1
    if len(chosen) > 1:
        assert (chosen[0], chosen[-1]) == (0, length - 1)
    elif length > 1:
        assert chosen == [length // 2]
