"""How well held-out predictions agree with the labels, with intervals that account for correlated rows of one source.

Each interval holds 95 % of the values of a bootstrap over sources (percentiles): sources are drawn with replacement,
with all their rows.

    estimates = judge(examples.kind, predicted, examples.values, examples.sources)
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.readers.teaching.labels import Kind

DRAWS = 1000
THRESHOLD = 0.5
_Measure = Callable[[NDArray[np.float64], NDArray[np.float64]], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the 95 % interval of its bootstrap; NaN if it is undefined for these rows."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def judge(
    kind: Kind, predicted: NDArray[np.float64], values: NDArray[np.float64], sources: NDArray[np.str_]
) -> dict[str, Estimate]:
    """Every measure of the predictions [N] against the labels [N], from -1 or 0 to 1, where 1 is best.

    Classes (1 if the probability is at least 0.5): precision, recall, specificity, balanced accuracy; both kinds:
    Pearson's and Spearman's correlation (of a class's probability with its label: Pearson's is the point-biserial).
    """
    measure: _Measure = _class_measures if kind == "class" else _correlations
    random = np.random.default_rng(0)
    members = [np.flatnonzero(sources == source) for source in sorted(set(sources))]
    draws: dict[str, list[float]] = {}
    for _ in range(DRAWS):
        resampled = np.concatenate([members[index] for index in random.integers(len(members), size=len(members))])
        for name, value in measure(predicted[resampled], values[resampled]).items():
            draws.setdefault(name, []).append(value)
    return {
        name: Estimate(value, *_interval(np.array(draws[name]))) for name, value in measure(predicted, values).items()
    }


def _interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    known = draws[~np.isnan(draws)]
    low, high = np.percentile(known, (2.5, 97.5)) if len(known) else (np.nan, np.nan)
    return float(low), float(high)


def _class_measures(predicted: NDArray[np.float64], values: NDArray[np.float64]) -> dict[str, float]:
    positive, true = predicted >= THRESHOLD, values == 1
    recall, specificity = _share(positive & true, true), _share(~positive & ~true, ~true)
    return {
        "precision": _share(positive & true, positive),
        "recall": recall,
        "specificity": specificity,
        "balanced_accuracy": (recall + specificity) / 2,
        **_correlations(predicted, values),
    }


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    return float(part.sum() / whole.sum()) if whole.any() else float("nan")


def _correlations(predicted: NDArray[np.float64], values: NDArray[np.float64]) -> dict[str, float]:
    from scipy.stats import rankdata

    return {
        "pearson": _pearson(predicted, values),
        "spearman": _pearson(rankdata(predicted), rankdata(values)),
    }


def _pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    left, right = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((left**2).sum() * (right**2).sum()))
    return float((left * right).sum() / scale) if scale > 0 else float("nan")
