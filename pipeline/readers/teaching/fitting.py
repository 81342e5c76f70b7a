"""Fits a head on labelled vectors, and predicts each label by a head that was not trained on its source.

Stills of one file are nearly equal, so a random split would be too optimistic: folds are grouped by source, and the
penalty is chosen within each fold's own training part. Classes: logistic regression with both classes weighted equally,
however many rows each has. Ratings: ridge regression. Of the features tried for ratings (raw, unit length,
standardised, square root, PCA to 32..128) plain vectors of unit length did best.

    fitted = learn(examples)
    fitted.head.save(path, facts)
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.readers.teaching.labels import Kind
from pipeline.stages.score.scorers.base import unit_length
from pipeline.stages.score.scorers.taught import Head
from schemas.errors import InputError

# The L2 penalty (ridge's alpha, 1 / C of logistic regression), for vectors of unit length.
PENALTIES = (0.001, 0.01, 0.1, 1.0)
USUAL_PENALTY = 0.01  # if there are too few sources to choose one
FOLDS, INNER_FOLDS = 10, 5
_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True, slots=True)
class Examples:
    """N labelled items, each with one or more of the M vectors."""

    kind: Kind
    vectors: NDArray[np.float32]
    """[M, D]"""
    owners: NDArray[np.int64]
    """[M], the item of each vector, 0 to N - 1."""
    values: NDArray[np.float64]
    """[N], the labels."""
    sources: NDArray[np.str_]
    """[N]"""

    def of(self, indices: NDArray[np.int64]) -> "Examples":
        """A subset of the items, given by ascending indices."""
        inside = np.isin(self.owners, indices)
        owners = np.searchsorted(indices, self.owners[inside])
        return Examples(self.kind, self.vectors[inside], owners, self.values[indices], self.sources[indices])

    def predict(self, head: Head) -> NDArray[np.float64]:
        """The head's mean over each item's vectors [N], as a clip is scored."""
        return np.asarray(np.bincount(self.owners, head.apply(self.vectors)) / np.bincount(self.owners), np.float64)

    def weights(self) -> NDArray[np.float64]:
        """Weight of each vector [M]: an item's vectors share its weight, the items of a class share the class's."""
        weights = np.ones(len(self.values))
        if self.kind == "class":
            weights = len(weights) / (2 * np.bincount(self.values.astype(int), minlength=2))[self.values.astype(int)]
        return np.asarray((weights / np.bincount(self.owners))[self.owners], np.float64)

    def most_folds(self) -> int:
        """The maximum number of folds by source: the number of sources, for classes that of the rarer class."""
        kinds = [self.values == value for value in (0, 1)] if self.kind == "class" else [self.values == self.values]
        return min(len(set(self.sources[inside])) for inside in kinds)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A head fitted on all examples, its penalty, and the held-out predictions [N] by heads without its source."""

    head: Head
    penalty: float
    predicted: NDArray[np.float64]


def learn(examples: Examples) -> Lesson:
    """Cross-validate by source, then fit on everything. Raises `InputError` if there are too few sources."""
    from threadpoolctl import threadpool_limits

    # The optimal weights lie in the span of the vectors (the penalty is their squared length), which has at most M
    # dimensions: the same heads from matrices a tenth as large.
    directions, coordinates = np.linalg.qr(unit_length(examples.vectors).T.astype(np.float64))
    small = replace(examples, vectors=np.asarray(coordinates.T, np.float32))
    with threadpool_limits(1):  # thread synchronisation costs more than such small matrices
        predicted = held_out(small)
        penalty = choose_penalty(small)
        head = fit(small, penalty)
    return Lesson(replace(head, weights=np.asarray(directions @ head.weights, np.float32)), penalty, predicted)


def fit(examples: Examples, penalty: float) -> Head:
    """Fit on all examples. Raises `InputError` if only one of the two classes is present."""
    from sklearn.linear_model import LogisticRegression, Ridge

    features, targets = unit_length(examples.vectors), examples.values[examples.owners]
    if examples.kind == "rating":
        ridge = Ridge(alpha=penalty).fit(features, targets, sample_weight=examples.weights())
        low, high = float(examples.values.min()), float(examples.values.max())
        weights = np.asarray(ridge.coef_, np.float32)
        return Head(kind="rating", weights=weights, bias=float(ridge.intercept_), lowest=low, highest=high)
    if len(set(targets)) < 2:
        raise InputError("labels hold one class only; a head needs examples of both")
    model = LogisticRegression(C=1 / penalty, solver="newton-cholesky")
    model.fit(features, targets, sample_weight=examples.weights())
    weights = np.asarray(model.coef_[0], np.float32)
    return Head(kind="class", weights=weights, bias=float(model.intercept_[0]))


def held_out(examples: Examples, folds: int = FOLDS, penalty: float | None = None) -> NDArray[np.float64]:
    """Predict every label [N] by a head that was not trained on its source.

    Without `penalty` each fold uses the one that is best within its own training part, so that the choice is not fitted
    to the held-out labels either. Raises `InputError` if there are too few sources.
    """
    predicted = np.full(len(examples.values), np.nan)
    for seen, unseen in _folds(examples, folds):
        known = examples.of(seen)
        head = fit(known, choose_penalty(known) if penalty is None else penalty)
        predicted[unseen] = examples.of(unseen).predict(head)
    if np.isnan(predicted).any():
        raise InputError("labels of one class come from too few sources to evaluate; label more files of the rarer one")
    return predicted


def choose_penalty(examples: Examples) -> float:
    """The penalty with the smallest held-out loss: squared error, or for classes the balanced log loss."""
    if examples.most_folds() < 2:
        return USUAL_PENALTY
    return min(PENALTIES, key=lambda penalty: _loss(examples, held_out(examples, INNER_FOLDS, penalty)))


def _loss(examples: Examples, predicted: NDArray[np.float64]) -> float:
    if examples.kind == "rating":
        return float(((predicted - examples.values) ** 2).mean())
    right = np.where(examples.values == 1, predicted, 1 - predicted)
    losses = -np.log(np.maximum(right, _LEAST_PROBABILITY))
    return float(losses[examples.values == 1].mean() + losses[examples.values == 0].mean())


def _folds(examples: Examples, folds: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    count = min(folds, examples.most_folds())
    if count < 2:
        of = " of each class" if examples.kind == "class" else ""
        raise InputError(
            f"labels come from {count} source{of}; two or more{of} are needed to evaluate a head on sources that it was"
            " not trained on"
        )
    splitter = StratifiedGroupKFold(count) if examples.kind == "class" else GroupKFold(count)
    for seen, unseen in splitter.split(examples.values, examples.values, examples.sources):
        if examples.kind == "rating" or len(set(examples.values[seen])) == 2:
            yield seen, unseen
