"""Detects texts on the wrong clip: the fit of a text to its own clip is compared with its fit to other clips (rivals).

A text's fit to its clip is standardised by its own fits to rivals (z: standard deviations above their mean), so that
vague captions are not measured against precise ones. The threshold below which a pair counts as mismatched minimises
the expected cost of errors under a mixture of two groups (Efron 2001, Storey 2002): mismatched pairs, which fit like
rivals, and correct ones, which are the rest of the observed pairs. The share of mismatched pairs is estimated from the
pairs near the rivals' mean.

    match = judge_pairs(Fit(own=own, rivals=rivals))
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Rivals per dataset at most, and per clip at least.
RIVALS, FEWEST = 400, 8
# The least share of mismatched pairs that is assumed.
PRIOR = 0.02
# The cost of a missed mismatch in false alarms: a missed pair is trained on, a false alarm is only looked at.
MISSED = 2
# If the pairs' median z is below this, single pairs cannot be judged.
SEPARABLE = 1.0

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Fits of N texts, float32: `own` [N] to their clips, `rivals` [N, M] to other clips, NaN where not comparable."""

    own: Matrix
    rivals: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The judgement of N pairs: `z` [N] (NaN: too few rivals), `mismatched` [N], and the index of the best rival [N].

    `bound` is the threshold on z; -inf if pairs cannot be judged.
    """

    z: Matrix
    bound: float
    mismatched: NDArray[np.bool_]
    best: NDArray[np.int_]


def draw_rivals(count: int, seed: int) -> NDArray[np.int_]:
    """Indices [M] of the clips that every clip is compared with: all `count`, or a seeded sample of 400, ascending."""
    if count <= RIVALS:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, RIVALS, replace=False))


def standardised(fit: Fit) -> Fit:
    """The z-scores of a fit, by the mean and deviation of each row's rivals; rows with fewer than eight are NaN."""
    usable = np.isfinite(fit.rivals)
    counts = usable.sum(axis=1)
    filled = np.where(usable, fit.rivals, 0.0)
    means = filled.sum(axis=1) / np.maximum(counts, 1)
    spread = np.sqrt((np.where(usable, fit.rivals - means[:, None], 0.0) ** 2).sum(axis=1) / np.maximum(counts, 1))
    # A text that fits all rivals equally carries no information: its z is 0.
    scale = np.where(spread > 1e-6, spread, np.inf)
    bare = counts < FEWEST
    own = np.where(bare, np.nan, (fit.own - means) / scale)
    rivals = np.where(bare[:, None] | ~usable, np.nan, (fit.rivals - means[:, None]) / scale[:, None])
    return Fit(own=own.astype(np.float32), rivals=rivals.astype(np.float32))


def combined(fits: Sequence[Fit]) -> Fit:
    """The weighted sum of several fits: each is standardised and weighted by its median z, its power to separate."""
    scaled = [standardised(fit) for fit in fits]
    weights = [max(0.0, _median(fit.own)) for fit in scaled]
    if not any(weights):
        weights = [1.0] * len(scaled)
    own = sum(weight * np.nan_to_num(fit.own) for weight, fit in zip(weights, scaled, strict=True))
    rivals = sum(weight * np.nan_to_num(fit.rivals) for weight, fit in zip(weights, scaled, strict=True))
    comparable = np.any([np.isfinite(fit.rivals) for fit in scaled], axis=0)
    return Fit(own=np.asarray(own, np.float32), rivals=np.where(comparable, rivals, np.nan).astype(np.float32))


def judge_pairs(fit: Fit, prior: float = PRIOR) -> Match:
    """Judge every pair. None is mismatched if the pairs as a whole fit hardly better than rivals do."""
    scaled = standardised(fit)
    best = np.where(np.isfinite(scaled.rivals), scaled.rivals, -np.inf).argmax(axis=1)
    bound = _bound(scaled, prior)
    own = np.nan_to_num(scaled.own, nan=np.inf)
    outdone = np.take_along_axis(scaled.rivals, best[:, None], axis=1)[:, 0] > own
    return Match(z=scaled.own, bound=bound, mismatched=(own < bound) & outdone, best=best)


def _median(values: Matrix) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else 0.0


def _bound(scaled: Fit, prior: float) -> float:
    own = np.sort(scaled.own[np.isfinite(scaled.own)])
    if not own.size or (middle := float(np.median(own))) < SEPARABLE:
        return -math.inf
    chance = np.sort(scaled.rivals[np.isfinite(scaled.rivals)])
    bounds = np.linspace(0.0, middle, 200)
    below, by_chance = (np.searchsorted(values, bounds) / values.size for values in (own, chance))
    # Hardly any correct pair lies near its rivals' mean, so the pairs there give the share of mismatched ones.
    near = int(np.searchsorted(bounds, min(1.0, middle / 4)))
    mismatched = float(np.clip(below[near] / max(by_chance[near], 1e-9), prior, 0.5))
    missed = mismatched * (1 - by_chance)
    false = np.maximum(below - mismatched * by_chance, 0)
    return float(bounds[int(np.argmin(MISSED * missed + false))])
