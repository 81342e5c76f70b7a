"""Variety of a dataset's captions: distinct-1 and -2, self-BLEU-4, and the aspects that captions mention.

Distinct-n falls with the amount of text and BLEU depends on length, so both are measured on a seeded sample of captions
cut to one length: distinct-n (Li et al. 2016) within groups of ten, self-BLEU-4 (Zhu et al. 2018) of each caption
against the others of its group. Only numbers measured this way are comparable between datasets.

    results = CHECKS["self_bleu_4"].run(corpus)
"""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from captioning.quality.check import Check, CheckResult
from captioning.quality.clip import Clip, runs
from captioning.quality.corpus import Corpus
from captioning.quality.lexicons import ASPECTS, aspects

GROUP, LENGTH, MOST_GROUPS, BLEU_ORDER = 10, 20, 100, 4


def sampled(corpus: Corpus) -> list[list[Clip]]:
    """At most 100 groups of ten captions with at least 20 words, drawn without replacement with the corpus's seed."""
    long = sorted((clip for clip in corpus.captioned if len(clip.words) >= LENGTH), key=lambda clip: clip.key)
    random.Random(corpus.seed).shuffle(long)  # noqa: S311
    starts = range(0, len(long) - GROUP + 1, GROUP)
    return [long[at : at + GROUP] for at in starts][:MOST_GROUPS]


def _distinct(order: int, corpus: Corpus) -> Mapping[str, CheckResult]:
    results = {}
    for group in sampled(corpus):
        ngrams = [run for clip in group for run in runs(clip.words[:LENGTH], order)]
        # Every clip gets its group's value, so that the mean over clips is the mean over groups.
        results.update({clip.key: CheckResult(len(set(ngrams)) / len(ngrams)) for clip in group})
    return results


def _self_bleu(corpus: Corpus) -> Mapping[str, CheckResult]:
    results = {}
    for group in sampled(corpus):
        texts = [clip.words[:LENGTH] for clip in group]
        for index, clip in enumerate(group):
            results[clip.key] = CheckResult(bleu(texts[index], [text for at, text in enumerate(texts) if at != index]))
    return results


def bleu(text: Sequence[str], others: Sequence[Sequence[str]]) -> float:
    """BLEU-4 against references of the same length, 0 to 1; an order without a match counts as half a match."""
    logarithms = 0.0
    for order in range(1, BLEU_ORDER + 1):
        counts = Counter(runs(text, order))
        most: Counter[tuple[str, ...]] = Counter()
        for reference in others:
            most |= Counter(runs(reference, order))
        matched = sum(min(times, most[run]) for run, times in counts.items())
        logarithms += math.log((matched or 0.5) / max(1, sum(counts.values())))
    return math.exp(logarithms / BLEU_ORDER)


def _tells(aspect: str, corpus: Corpus) -> Mapping[str, CheckResult]:
    return {clip.key: CheckResult(float(aspect in aspects(clip.text))) for clip in corpus.captioned}


CHECKS = (
    *(
        Check(
            name=f"distinct_{order}",
            doc=f"different {what} over all, in groups of {GROUP} sampled captions cut to {LENGTH} words",
            weight=0.0,
            run=partial(_distinct, order),
            unit="score",
            better="high",
        )
        for order, what in ((1, "words"), (2, "pairs of words"))
    ),
    Check(
        name="self_bleu_4",
        doc=(
            f"BLEU-4 of a sampled caption against nine others, all cut to {LENGTH} words; high where captions are alike"
        ),
        weight=0.0,
        run=_self_bleu,
        unit="score",
    ),
    *(
        Check(
            name=f"tells_{aspect}",
            doc=f"captions with a word of the {aspect} list; a lower bound, for comparing datasets",
            weight=0.0,
            run=partial(_tells, aspect),
            better="high",
        )
        for aspect in ASPECTS
    ),
)
