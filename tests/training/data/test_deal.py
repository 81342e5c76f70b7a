"""Dealing: as many packs to every rank, each exactly once, and turns that cost alike.

python -m pytest tests/training/data/test_deal.py
"""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from training.data.deal import cost, deal
from training.data.planned import PlannedPack, PlannedSample
from training.data.shapes import ClipShape

SHAPE = ClipShape(64, 48, 9, 8.0)


def pack(*tokens: int) -> PlannedPack:
    return PlannedPack(
        tuple(
            PlannedSample(
                sample_id=f"s{place}", clip_id="c", shape=SHAPE, tokens=one, shard="a.tar", offset=0, size=1, epoch=0
            )
            for place, one in enumerate(tokens)
        )
    )


PACKS = st.lists(
    st.lists(st.integers(1, 5000), min_size=1, max_size=6).map(lambda one: pack(*one)), min_size=1, max_size=40
)


@given(PACKS, st.integers(1, 12), st.sampled_from([64, 1920]))
def test_every_rank_gets_as_many_and_every_pack_counts_once(packs: list[PlannedPack], world: int, width: int) -> None:
    ranks = deal(packs, world, width, step=7)
    assert {len(rank) for rank in ranks} == {-(-len(packs) // world)}
    assert all(one.pack == packs[one.number] and one.step == 7 for rank in ranks for one in rank)
    counted = Counter(one.number for rank in ranks for one in rank if one.weight)
    assert counted == Counter(range(len(packs)))
    assert {one.weight for rank in ranks for one in rank} <= {0, 1}
    assert ranks == deal(packs, world, width, step=7)


@given(PACKS, st.integers(2, 8))
def test_no_pack_of_a_turn_costs_less_than_one_of_the_next(packs: list[PlannedPack], world: int) -> None:
    turns = list(zip(*deal(packs, world, 64), strict=True))
    for turn, following in pairwise(turns):
        assert min(cost(one.pack, 64) for one in turn) >= max(cost(one.pack, 64) for one in following if one.weight)


@given(PACKS, st.integers(2, 8))
def test_sums_differ_by_no_more_than_one_pack(packs: list[PlannedPack], world: int) -> None:
    sums = [sum(cost(one.pack, 64) for one in rank) for rank in deal(packs, world, 64)]
    assert max(sums) - min(sums) <= max(cost(one, 64) for one in packs)


def test_cost_counts_attention_within_segments() -> None:
    # Per layer: 24 h^2 S for the matrices and 4 h S^2 for attention, in units of 4 h.
    assert 4 * 64 * cost(pack(100), 64) == 24 * 64**2 * 100 + 4 * 64 * 100**2
    assert cost(pack(100, 100), 64) == 2 * cost(pack(100), 64) < cost(pack(200), 64)
