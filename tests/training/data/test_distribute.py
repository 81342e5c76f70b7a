"""Dealing: as many packs to every rank, each exactly once, and turns that cost alike.

python -m pytest tests/training/data/test_deal.py
"""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from training.data.distribute import cost, distribute
from training.data.planned import PlannedPack, PlannedSample
from training.data.shapes import ClipShape

SHAPE = ClipShape(64, 48, 9, 8.0)


def pack(*tokens: int) -> PlannedPack:
    return PlannedPack(
        tuple(
            PlannedSample(
                sample_id=f"s{number}",
                clip_id="c",
                shape=SHAPE,
                tokens=length,
                shard="a.tar",
                offset=0,
                size=1,
                epoch=0,
            )
            for number, length in enumerate(tokens)
        )
    )


PACKS = st.lists(
    st.lists(st.integers(1, 5000), min_size=1, max_size=6).map(lambda lengths: pack(*lengths)), min_size=1, max_size=40
)


@given(PACKS, st.integers(1, 12), st.sampled_from([64, 1920]))
def test_every_rank_gets_as_many_and_every_pack_counts_once(packs: list[PlannedPack], world: int, width: int) -> None:
    ranks = distribute(packs, world, width, step=7)
    assert {len(rank) for rank in ranks} == {-(-len(packs) // world)}
    assert all(assigned.pack == packs[assigned.number] and assigned.step == 7 for rank in ranks for assigned in rank)
    counted = Counter(assigned.number for rank in ranks for assigned in rank if assigned.weight)
    assert counted == Counter(range(len(packs)))
    assert {assigned.weight for rank in ranks for assigned in rank} <= {0, 1}
    assert ranks == distribute(packs, world, width, step=7)


@given(PACKS, st.integers(2, 8))
def test_no_pack_of_a_turn_costs_less_than_one_of_the_next(packs: list[PlannedPack], world: int) -> None:
    micro_steps = list(zip(*distribute(packs, world, 64), strict=True))
    for micro_step, following in pairwise(micro_steps):
        assert min(cost(assigned.pack, 64) for assigned in micro_step) >= max(
            cost(assigned.pack, 64) for assigned in following if assigned.weight
        )


@given(PACKS, st.integers(2, 8))
def test_sums_differ_by_no_more_than_one_pack(packs: list[PlannedPack], world: int) -> None:
    sums = [sum(cost(assigned.pack, 64) for assigned in rank) for rank in distribute(packs, world, 64)]
    assert max(sums) - min(sums) <= max(cost(item, 64) for item in packs)


def test_cost_counts_attention_within_segments() -> None:
    # Per layer: 24 h^2 S for the matrices and 4 h S^2 for attention, in units of 4 h.
    assert 4 * 64 * cost(pack(100), 64) == 24 * 64**2 * 100 + 4 * 64 * 100**2
    assert cost(pack(100, 100), 64) == 2 * cost(pack(100), 64) < cost(pack(200), 64)
