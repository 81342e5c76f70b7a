"""How much two texts have in common: by their rarer words, and by a sentence embedder if there is one.

python -m pytest tests/captioning/quality/test_planted.py
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Matrix = NDArray[np.float32]


class Vocabulary:
    """Content words with the weight of their rarity: ln((1 + N) / (1 + n)) + 1 for a word in n of N texts (TF-IDF)."""

    def __init__(self, texts: Sequence[Collection[str]]) -> None:
        counts = Counter(word for text in texts for word in text)
        self._place = {word: index for index, word in enumerate(sorted(counts))}
        weights = [math.log((1 + len(texts)) / (1 + counts[word])) + 1 for word in self._place]
        self._weights = np.array(weights, np.float32)

    def holds(self, texts: Sequence[Collection[str]]) -> sparse.csr_matrix:
        """[texts, words]: 1 where a text holds a word."""
        rows = [(row, self._place[word]) for row, text in enumerate(texts) for word in set(text) if word in self._place]
        indices = np.array(rows, np.int64).reshape(-1, 2)
        ones = np.ones(len(indices), np.float32)
        return sparse.csr_matrix((ones, (indices[:, 0], indices[:, 1])), (len(texts), len(self._place)))

    def shares(self, texts: Sequence[Collection[str]]) -> sparse.csr_matrix:
        """[texts, words]: the share of a text's weight that a word has; rows add up to 1."""
        weighed = self.holds(texts).multiply(self._weights).tocsr()
        return sparse.diags(1 / np.maximum(_column(weighed.sum(axis=1)), 1e-9)) @ weighed

    def unit(self, texts: Sequence[Collection[str]]) -> sparse.csr_matrix:
        """[texts, words]: TF-IDF rows of length 1."""
        weighed = self.holds(texts).multiply(self._weights).tocsr()
        lengths = np.sqrt(_column(weighed.multiply(weighed).sum(axis=1)))
        return sparse.diags(1 / np.maximum(lengths, 1e-9)) @ weighed


def overlap(first: sparse.csr_matrix, second: sparse.csr_matrix) -> Matrix:
    """[N, M]: share of words in common (Jaccard) of texts given as `Vocabulary.holds`."""
    common = (first @ second.T).toarray()
    union = _column(first.sum(axis=1))[:, None] + _column(second.sum(axis=1))[None, :] - common
    return np.asarray(common / np.maximum(union, 1), np.float32)


def projected(vectors: sparse.csr_matrix, width: int, seed: int) -> Matrix:
    """[texts, width]: word vectors brought to a fixed width by a seeded random projection, which keeps cosines."""
    directions = np.random.default_rng(seed).standard_normal((vectors.shape[1], width)).astype(np.float32)
    return unit_rows(np.asarray(vectors @ directions, np.float32))


def unit_rows(vectors: Matrix) -> Matrix:
    """Rows of length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)


def means(vectors: Matrix, counts: Iterable[int]) -> Matrix:
    """The mean of each run of `counts` rows; a run of none is zeros."""
    rows, start = [], 0
    for count in counts:
        part = vectors[start : start + count]
        rows.append(part.mean(axis=0) if count else np.zeros(vectors.shape[1], np.float32))
        start += count
    return np.array(rows, np.float32).reshape(len(rows), vectors.shape[1])


def weighted(shares: Sequence[Mapping[str, float]], names: Sequence[str]) -> Matrix:
    """[rows, names]: named numbers as rows, 0 where a name is missing."""
    return np.array([[row.get(name, 0.0) for name in names] for row in shares], np.float32).reshape(-1, len(names))


def _column(matrix: object) -> NDArray[np.float32]:
    return np.asarray(matrix, np.float32).ravel()
