"""Vectors of texts by their content words (binary, TF-IDF), and matrix helpers of the pairing checks.

vocabulary = Vocabulary([clip.content for clip in clips])
rows = vocabulary.tfidf([clip.content for clip in clips])      # [texts, words]
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Matrix = NDArray[np.float32]


class Vocabulary:
    """Content words with their inverse document frequency: ln((1 + N) / (1 + n)) + 1 for a word in n of N texts."""

    def __init__(self, texts: Sequence[Collection[str]]) -> None:
        counts = Counter(word for text in texts for word in text)
        self._index = {word: index for index, word in enumerate(sorted(counts))}
        weights = [math.log((1 + len(texts)) / (1 + counts[word])) + 1 for word in self._index]
        self._weights = np.array(weights, np.float32)

    def binary(self, texts: Sequence[Collection[str]]) -> sparse.csr_matrix:
        """Binary vectors [texts, words], float32: 1 where a text has the word."""
        rows = [(row, self._index[word]) for row, text in enumerate(texts) for word in set(text) if word in self._index]
        indices = np.array(rows, np.int64).reshape(-1, 2)
        ones = np.ones(len(indices), np.float32)
        return sparse.csr_matrix((ones, (indices[:, 0], indices[:, 1])), (len(texts), len(self._index)))

    def shares(self, texts: Sequence[Collection[str]]) -> sparse.csr_matrix:
        """Weight vectors [texts, words]: a word's share of its text's total weight; rows sum to 1."""
        weighed = self.binary(texts).multiply(self._weights).tocsr()
        return sparse.diags(1 / np.maximum(_column(weighed.sum(axis=1)), 1e-9)) @ weighed

    def tfidf(self, texts: Sequence[Collection[str]]) -> sparse.csr_matrix:
        """TF-IDF vectors [texts, words], rows of length 1."""
        weighed = self.binary(texts).multiply(self._weights).tocsr()
        lengths = np.sqrt(_column(weighed.multiply(weighed).sum(axis=1)))
        return sparse.diags(1 / np.maximum(lengths, 1e-9)) @ weighed


def overlap(first: sparse.csr_matrix, second: sparse.csr_matrix) -> Matrix:
    """Jaccard similarity [N, M] of binary vectors [N, words] and [M, words]."""
    common = (first @ second.T).toarray()
    union = _column(first.sum(axis=1))[:, None] + _column(second.sum(axis=1))[None, :] - common
    return np.asarray(common / np.maximum(union, 1), np.float32)


def projected(vectors: sparse.csr_matrix, width: int, seed: int) -> Matrix:
    """Project [texts, words] to [texts, width], rows of length 1, by a seeded random matrix; cosines are preserved."""
    directions = np.random.default_rng(seed).standard_normal((vectors.shape[1], width)).astype(np.float32)
    return unit_rows(np.asarray(vectors @ directions, np.float32))


def unit_rows(vectors: Matrix) -> Matrix:
    """The rows of [N, D] scaled to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)


def means(vectors: Matrix, counts: Iterable[int]) -> Matrix:
    """Means [len(counts), D] of consecutive groups of rows of [N, D]; an empty group gives zeros."""
    rows, start = [], 0
    for count in counts:
        part = vectors[start : start + count]
        rows.append(part.mean(axis=0) if count else np.zeros(vectors.shape[1], np.float32))
        start += count
    return np.array(rows, np.float32).reshape(len(rows), vectors.shape[1])


def weighted(shares: Sequence[Mapping[str, float]], names: Sequence[str]) -> Matrix:
    """Dictionaries of numbers as a matrix [rows, names], 0 where a name is missing."""
    return np.array([[row.get(name, 0.0) for name in names] for row in shares], np.float32).reshape(-1, len(names))


def _column(matrix: object) -> NDArray[np.float32]:
    return np.asarray(matrix, np.float32).ravel()
