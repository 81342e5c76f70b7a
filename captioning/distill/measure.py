"""How well a summary serves its frame captions, in four numbers that need no model.

length     words of the summary per word of the frame captions
coverage   share of the frame captions' distinct content words that the summary holds
support    share of the summary's distinct content words that the frame captions hold
invented   how many of its content words they do not hold

python -m pytest tests/captioning/distill
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np

from captioning.words import content_words

ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class SummaryScores:
    """The four numbers of one summary, or their means."""

    length: float
    coverage: float
    support: float
    invented: float


NAMES = tuple(field.name for field in fields(SummaryScores))


def score_summary(captions: Sequence[str], summary: str) -> SummaryScores:
    """Measure one summary; one without content words covers nothing and is supported by nothing."""
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
    """The beginning of a summary that is longer than this share of the frame captions' words."""
    allowed = int(share * sum(len(caption.split()) for caption in captions))
    return " ".join(summary.split()[:allowed])


def interval(
    scores: Sequence[SummaryScores], sources: Sequence[str], seed: int = 0
) -> Mapping[str, tuple[float, float, float]]:
    """(mean, low, high) of each number; 95 % of a bootstrap over sources, because a source's clips are alike."""
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
