"""The numbers that the README shows hang together, and its table is the one that a run prints.

That they are those of a run today is seen where the demo is run: tests/end_to_end/test_demo.py.

python -m pytest tests/test_house_readme.py
"""

import pytest

from schemas.outcome_tables import KINDS, STATES
from tests.end_to_end.readme import shown_caption, shown_funnel, shown_shards, shown_states, shown_verification


def test_the_table_has_the_states_of_a_ledger() -> None:
    assert shown_states() == ["in", *STATES]
    assert list(shown_funnel()) == [f"{kind}s" for kind in KINDS]


@pytest.mark.parametrize("kind", [f"{kind}s" for kind in KINDS])
def test_what_came_in_is_what_ended_somewhere(kind: str) -> None:
    came, *ended = shown_funnel()[kind]
    assert len(ended) == len(STATES)
    assert came == sum(ended)


def test_the_shards_and_the_caption_that_are_shown_can_be_read() -> None:
    assert len(shown_shards()) >= 2
    assert all(samples >= sources >= shards >= 1 for samples, sources, shards in shown_shards().values())
    key, tokens, text = shown_caption()
    assert key.rsplit("-", 2)[1].count("x") == 2
    assert tokens >= len(text.split())


def test_as_many_samples_are_verified_as_ship() -> None:
    shipped = shown_funnel()["samples"][1 + STATES.index("shipped")]
    assert shown_verification().startswith(f"verified: {shipped} samples in ")
