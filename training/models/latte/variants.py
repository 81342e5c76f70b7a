"""Compares the four variants at equal parameter counts: what a clip costs in each.

Variant 4 is the cheapest at equal size: each of its attentions has half the heads, so more of its parameters run once
per clip (modulation) or once per caption (keys and values), and fewer for every token.

    rows = compare_variants(PRESETS["xl-2"], grid=(16, 16, 16))
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from training.models.latte.config import LatteConfig, Variant
from training.models.latte.flops import Grid, forward_flops

VARIANTS: tuple[Variant, ...] = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class VariantRow:
    """One row of the table: `cost` is `flops` divided by variant 1's."""

    variant: Variant
    layers: int
    parameters: int
    flops: float
    cost: float


def at_equal_parameters(config: LatteConfig, variant: Variant) -> LatteConfig:
    """The configuration in another variant, with the depth whose parameter count is nearest to the given one's."""
    step = 2 if variant <= 2 else 1
    depths = range(step, 4 * config.layers + step, step)
    candidates = [replace(config, variant=variant, layers=depth) for depth in depths]
    return min(candidates, key=lambda candidate: abs(candidate.parameters - config.parameters))


def compare_variants(config: LatteConfig, grid: Grid) -> list[VariantRow]:
    """Parameters and FLOPs of the four variants at `config`'s size, for a clip of `grid` patches."""
    return rows_of([at_equal_parameters(config, variant) for variant in VARIANTS], grid)


def rows_of(configs: Sequence[LatteConfig], grid: Grid) -> list[VariantRow]:
    """The same for any configurations; each `cost` is relative to the first."""
    costs = [forward_flops(config, grid) for config in configs]
    return [
        VariantRow(config.variant, config.layers, config.parameters, cost, cost / costs[0])
        for config, cost in zip(configs, costs, strict=True)
    ]
