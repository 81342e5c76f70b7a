"""Estimates totals over a stratified sample, with intervals from a seeded bootstrap over sources.

A total is estimated by the ratio to the bytes, whose total the listing says (combined over the strata), or by the
number of sources, whichever leaves the smaller variance within the strata. The bootstrap draws sources within each
stratum, rescaled for the share that was sampled (Rao and Wu 1988), so a fully sampled bucket has intervals of no width.

    totals = estimate(strata, sizes, {"clips": clips_of_each_drawn_source}, seed=0)
    totals["clips"].value, totals["clips"].low, totals["clips"].high
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.planning.strata import Stratum

LEVEL = 0.9
_DRAWS = 2000

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated total, the ends of its 90 % interval, and what it grew with: `bytes`, `sources`, or `exact`."""

    value: float
    low: float
    high: float
    by: str

    def plus(self, fixed: float) -> "Estimate":
        """The same with an amount that does not depend on the bucket."""
        return Estimate(self.value + fixed, self.low + fixed, self.high + fixed, self.by)


def estimate(
    strata: Sequence[Stratum], sizes: Sequence[int], columns: Mapping[str, Sequence[float]], seed: int
) -> dict[str, Estimate]:
    """The total of each column. `columns` have one value >= 0 per drawn source, in the order of the strata."""
    size = np.asarray(sizes, np.float64)
    stratum = np.repeat(np.arange(len(strata)), [len(each.drawn) for each in strata])
    members = np.array([len(each.members) for each in strata])[stratum]
    drawn = np.array([len(each.drawn) for each in strata])[stratum]
    weight = members / drawn
    bytes_drawn = size[np.concatenate([each.drawn for each in strata])]
    resampled = _weights(stratum, members, drawn, seed)
    return {
        name: _total(np.asarray(column, np.float64), bytes_drawn, size.sum(), weight, resampled, stratum)
        for name, column in columns.items()
    }


def _weights(stratum: Positions, members: Positions, drawn: Positions, seed: int) -> Floats:
    """[draws, sources]: the weights of the sources in each bootstrap sample."""
    generator = np.random.default_rng(seed)
    counts = np.zeros((_DRAWS, len(stratum)))
    for label in np.unique(stratum):
        here = np.flatnonzero(stratum == label)
        if len(here) > 1:
            counts[:, here] = generator.multinomial(len(here) - 1, np.full(len(here), 1 / len(here)), size=_DRAWS)
    scale = np.where(drawn > 1, np.sqrt(1 - drawn / members), 0)
    weights: Floats = (members / drawn) * (1 + scale * (counts * drawn / np.maximum(drawn - 1, 1) - 1))
    return weights


def _total(
    column: Floats, size: Floats, whole: float, weight: Floats, resampled: Floats, stratum: Positions
) -> Estimate:
    plain = float(weight @ column)
    if np.all(weight == 1):
        return Estimate(plain, plain, plain, "exact")
    ratio = plain / max(float(weight @ size), 1.0)
    spread, freedom = _variance(column, weight, stratum)
    spread_by_bytes, freedom_by_bytes = _variance(column - ratio * size, weight, stratum)
    by_bytes = spread_by_bytes < spread
    value = ratio * whole if by_bytes else plain
    draws = resampled @ column
    if by_bytes:
        draws = draws / np.maximum(resampled @ size, 1) * whole
    # A few sources tell their own spread poorly: the interval is as much wider as Student's t is than the normal.
    wider = _student(freedom_by_bytes if by_bytes else freedom)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    seen = float(column.sum())  # the whole has at least what the sample has
    return Estimate(
        max(value, seen),
        max(seen, value - wider * max(value - low, 0)),
        max(seen, value + wider * max(high - value, 0)),
        "bytes" if by_bytes else "sources",
    )


def _variance(residual: Floats, weight: Floats, stratum: Positions) -> tuple[float, float]:
    """The variance of the weighted sum, from the spread within the strata, and its degrees of freedom (Satterthwaite).

    Where one stratum of a few large files holds most of the variance, those few sources are all that tells it.
    """
    parts, freedoms = [0.0], [1.0]
    for label in np.unique(stratum):
        here, inside = weight[stratum == label], residual[stratum == label]
        if len(inside) > 1:
            parts.append(len(inside) * here[0] * (here[0] - 1) * float(np.var(inside, ddof=1)))
            freedoms.append(len(inside) - 1)
    total = sum(parts)
    squares = sum(part**2 / freedom for part, freedom in zip(parts, freedoms, strict=True))
    return total, total**2 / squares if squares else 1.0


def _student(freedom: float) -> float:
    """Student's 95 % quantile over the normal's (Cornish and Fisher's expansion), from two degrees of freedom on."""
    n, z = max(freedom, 2), 1.6449
    return 1 + (z**2 + 1) / (4 * n) + (5 * z**4 + 16 * z**2 + 3) / (96 * n**2)
