"""Scores a summary against its frame captions in four numbers that need no model.

length     words of the summary per word of the frame captions
coverage   share of the frame captions' distinct content words that the summary has
support    share of the summary's distinct content words that the frame captions have
invented   number of its distinct content words that they do not have

scores = score_summary(pair.captions, summary)
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np

from captioning.words import content_words

ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class SummaryScores:
    """The four numbers of one summary, or their means: length >= 0, coverage and support 0 to 1, invented >= 0."""

    length: float
    coverage: float
    support: float
    invented: float


NAMES = tuple(field.name for field in fields(SummaryScores))


def score_summary(captions: Sequence[str], summary: str) -> SummaryScores:
    """Score one summary; without content words its coverage and support are 0."""
    source_words = set(content_words(" ".join(captions)))
    summary_words = set(content_words(summary))
    words = sum(len(caption.split()) for caption in captions)
    return SummaryScores(
        length=len(summary.split()) / max(1, words),
        coverage=len(summary_words & source_words) / max(1, len(source_words)),
        support=len(summary_words & source_words) / max(1, len(summary_words)),
        invented=float(len(summary_words - source_words)),
    )


def cut_words(captions: Sequence[str], summary: str, share: float) -> str:
    """The summary cut to `share` times the number of the frame captions' words."""
    allowed = int(share * sum(len(caption.split()) for caption in captions))
    return " ".join(summary.split()[:allowed])


def interval(
    scores: Sequence[SummaryScores], sources: Sequence[str], seed: int = 0
) -> Mapping[str, tuple[float, float, float]]:
    """(mean, low, high) of each number, by name: 95 % bootstrap intervals, resampled by source.

    `sources` are the sources of the scores; clips of one source are not independent.
    """
    values = np.array([astuple(score) for score in scores])
    groups = [np.flatnonzero(np.array(sources) == source) for source in sorted(set(sources))]
    draw = np.random.default_rng(seed)
    means = np.array(
        [
            values[np.concatenate([groups[at] for at in draw.integers(0, len(groups), len(groups))])].mean(axis=0)
            for _ in range(ROUNDS)
        ]
    )
    low, high = np.percentile(means, (2.5, 97.5), axis=0)
    mean = values.mean(axis=0)
    return {name: (float(mean[at]), float(low[at]), float(high[at])) for at, name in enumerate(NAMES)}
