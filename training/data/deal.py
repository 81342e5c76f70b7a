"""The packs of a step, dealt out to ranks: as many to each, and as much work at every turn as can be.

Ranks of a sharded model wait for one another in every layer, so what counts is that the packs of one turn cost alike:
packs are sorted by cost and dealt a turn at a time, the costliest of a turn to the rank that has least so far. Where
packs run out, a rank computes a copy whose weight is 0, because collective operations must match.

    python -m pytest tests/training/data/test_deal.py
"""

from collections.abc import Sequence
from dataclasses import dataclass

from training.data.planned import PlannedPack


@dataclass(frozen=True, slots=True)
class Dealt:
    """A pack for one rank: the step, its number in that, and its weight (0: a copy that must not count)."""

    step: int
    number: int
    pack: PlannedPack
    weight: int


def cost(pack: PlannedPack, width: int) -> int:
    """Work of a layer's forward pass in units of 4 x width FLOPs, for segments of S tokens: 6 width S + S^2.

    A layer multiplies with 12 width^2 weights per token (24 width^2 S FLOPs), and its full attention takes
    4 width S^2 within each segment.
    """
    return sum(6 * width * sample.tokens + sample.tokens**2 for sample in pack.samples)


def deal(packs: Sequence[PlannedPack], world: int, width: int, step: int = 0) -> tuple[tuple[Dealt, ...], ...]:
    """What each of `world` ranks computes, in order; all get the same number, and every pack counts exactly once."""
    costs = [cost(pack, width) for pack in packs]
    order = sorted(range(len(packs)), key=lambda number: (-costs[number], number))
    dealt: list[list[Dealt]] = [[] for _ in range(world)]
    sums = [0] * world
    for first in range(0, len(order), world):
        turn = order[first : first + world]
        ranks = sorted(range(world), key=lambda rank: (sums[rank], rank))
        for place, rank in enumerate(ranks):
            number, weight = (turn[place], 1) if place < len(turn) else (order[-1], 0)
            dealt[rank].append(Dealt(step, number, packs[number], weight))
            sums[rank] += costs[number]
    return tuple(tuple(one) for one in dealt)
