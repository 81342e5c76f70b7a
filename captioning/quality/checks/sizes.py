"""Lengths of captions in words and tokens, and captions that the text encoder would cut.

results = CHECKS["over_budget"].run(corpus)
"""

from collections.abc import Mapping, Sequence

import numpy as np

from captioning.quality.check import Check, CheckResult, fault
from captioning.quality.corpus import Corpus
from captioning.quality.records import Histogram

BINS = 24


def _over(corpus: Corpus) -> Mapping[str, CheckResult]:
    return {
        clip.key: fault(
            f"{clip.record.tokens} tokens, the text encoder reads {corpus.token_budget}"
            if clip.record.tokens > corpus.token_budget
            else ""
        )
        for clip in corpus.captioned
        if clip.record.tokens
    }


def _words(corpus: Corpus) -> Mapping[str, CheckResult]:
    return {clip.key: CheckResult(float(len(clip.words))) for clip in corpus.captioned}


def _tokens(corpus: Corpus) -> Mapping[str, CheckResult]:
    return {clip.key: CheckResult(float(clip.record.tokens)) for clip in corpus.captioned if clip.record.tokens}


def _fallback(corpus: Corpus) -> Mapping[str, CheckResult]:
    return {clip.key: CheckResult(float(clip.record.fallback is not None)) for clip in corpus.captioned}


def histograms(corpus: Corpus) -> tuple[Histogram, ...]:
    """Histograms of the dense captions' words and tokens; the token budget is marked."""
    counts = [len(clip.words) for clip in corpus.captioned]
    tokens = [clip.record.tokens for clip in corpus.captioned if clip.record.tokens]
    budget = float(corpus.token_budget)
    drawn = [_histogram("words", "words", counts, None, "")] if counts else []
    return (*drawn, _histogram("tokens", "tokens", tokens, budget, "token budget")) if tokens else tuple(drawn)


def _histogram(name: str, unit: str, values: Sequence[int], mark: float | None, mark_name: str) -> Histogram:
    # Integer bin edges: bins that cover different numbers of integers would show spurious peaks.
    step = max(1, -(-(max(values) + 1) // BINS))
    edges = np.arange(0, max(values) + step + 1, step)
    counts, _ = np.histogram(values, edges)
    return Histogram(
        name=name,
        unit=unit,
        edges=tuple(float(edge) for edge in edges),
        counts=tuple(int(count) for count in counts),
        mark=mark,
        mark_name=mark_name,
    )


CHECKS = (
    Check(
        name="over_budget",
        doc="captions with more tokens than the text encoder reads; the rest is cut off in training",
        weight=0.4,
        run=_over,
    ),
    Check(name="words", doc="words of a caption", weight=0.0, run=_words, unit="words", better=None),
    Check(name="tokens", doc="tokens of a caption", weight=0.0, run=_tokens, unit="tokens", better=None),
    Check(
        name="fallback",
        doc="captions that are joined frame captions, because the model's words were rejected or none was asked",
        weight=0.0,
        run=_fallback,
    ),
)
