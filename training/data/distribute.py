"""Distributes the packs of a step over ranks: the same number to each, and similar cost in every micro-step.

Ranks of a sharded model wait for one another in every layer, so the packs of one micro-step should cost the same: packs
are sorted by cost and assigned one micro-step at a time, the most expensive pack to the rank with the least cost so
far. Where packs run out, a rank computes a copy with weight 0, because collective operations must match.

    packs = distribute(plan.packs(step), world=8, width=3072, step=step)[rank]
"""

from collections.abc import Sequence
from dataclasses import dataclass

from training.data.planned import PlannedPack


@dataclass(frozen=True, slots=True)
class RankPack:
    """A pack assigned to a rank: the step, the pack's number in the step, and its weight (0: a copy, not counted)."""

    step: int
    number: int
    pack: PlannedPack
    weight: int


def cost(pack: PlannedPack, width: int) -> int:
    """Cost of a layer's forward pass in units of 4 x width FLOPs: 6 width S + S^2 for each segment of S tokens.

    A layer's matrices have 12 width^2 weights (24 width^2 S FLOPs), and full attention takes 4 width S^2 per segment.
    """
    return sum(6 * width * sample.tokens + sample.tokens**2 for sample in pack.samples)


def distribute(packs: Sequence[PlannedPack], world: int, width: int, step: int = 0) -> tuple[tuple[RankPack, ...], ...]:
    """The packs of each of `world` ranks, in order; all get the same number, and every pack counts exactly once."""
    costs = [cost(pack, width) for pack in packs]
    order = sorted(range(len(packs)), key=lambda number: (-costs[number], number))
    assigned: list[list[RankPack]] = [[] for _ in range(world)]
    sums = [0] * world
    for first in range(0, len(order), world):
        group = order[first : first + world]
        ranks = sorted(range(world), key=lambda rank: (sums[rank], rank))
        for position, rank in enumerate(ranks):
            number, weight = (group[position], 1) if position < len(group) else (order[-1], 0)
            assigned[rank].append(RankPack(step, number, packs[number], weight))
            sums[rank] += costs[number]
    return tuple(tuple(packs_of_rank) for packs_of_rank in assigned)
