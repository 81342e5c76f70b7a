"""Detects captions on the wrong clip: each is compared with its own frame captions and with those of other clips.

A shifted or shuffled table of captions passes every check of text; here it shows, because another clip's frame captions
fit better than the clip's own. Clips that look alike (their frame captions share half their words) are no rivals.

    results = CHECKS["swapped"].run(corpus)
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from captioning.quality.check import Check, CheckResult, fault
from captioning.quality.corpus import Corpus
from captioning.quality.matching import Fit, combined, draw_rivals, judge_pairs
from captioning.quality.similarity import Matrix, Vocabulary, means, overlap, unit_rows

# Share of content words (Jaccard) from which two clips' frame captions count as the same content.
SAME_CONTENT = 0.5


def _swapped(corpus: Corpus) -> Mapping[str, CheckResult]:
    fits = _fits(corpus)
    if not fits:
        return {}
    match, clips = judge_pairs(combined(fits)), corpus.with_evidence
    rivals = draw_rivals(len(clips), corpus.seed)
    results = {}
    for index, clip in enumerate(clips):
        if np.isfinite(match.z[index]):
            rival = clips[int(rivals[match.best[index]])]
            why = f"fits its own frame captions no better than chance, and those of {rival.key} better"
            results[clip.key] = fault(why if match.mismatched[index] else "")
    return results


def _gap(corpus: Corpus) -> Mapping[str, CheckResult]:
    fits = _fits(corpus)
    if not fits:
        return {}
    support = fits[0]
    enough = np.asarray(np.isfinite(support.rivals).any(axis=1))
    gaps = support.own[enough] - np.nanmean(support.rivals[enough], axis=1)
    keys = [clip.key for clip, kept in zip(corpus.with_evidence, enough.tolist(), strict=True) if kept]
    return {key: CheckResult(float(gap)) for key, gap in zip(keys, gaps, strict=True)}


def _fits(corpus: Corpus) -> list[Fit]:
    clips = corpus.with_evidence
    if len(clips) < 2:
        return []
    claims, evidence = [set(clip.content) for clip in clips], [set(clip.evidence) for clip in clips]
    vocabulary = Vocabulary([*claims, *evidence])
    rivals = draw_rivals(len(clips), corpus.seed)
    evidence_words = vocabulary.binary(evidence)
    alike = overlap(evidence_words, evidence_words[rivals]) >= SAME_CONTENT
    alike |= np.arange(len(clips))[:, None] == rivals[None, :]
    shares = vocabulary.shares(claims)
    own = np.asarray(shares.multiply(evidence_words).sum(axis=1), np.float32).ravel()
    fits = [Fit(own=own, rivals=_masked((shares @ evidence_words[rivals].T).toarray(), alike))]
    if corpus.embed:
        captions = corpus.embed([clip.text for clip in clips])
        frames = corpus.embed([text for clip in clips for text in clip.frame_texts])
        scenes = unit_rows(means(frames, [len(clip.frame_texts) for clip in clips]))
        fits.append(Fit(own=(captions * scenes).sum(axis=1), rivals=_masked(captions @ scenes[rivals].T, alike)))
    return fits


def _masked(scores: Matrix, alike: NDArray[np.bool_]) -> Matrix:
    return np.where(alike, np.nan, scores).astype(np.float32)


CHECKS = (
    Check(
        name="swapped",
        doc="clip captions that fit their own frame captions no better than those of clips of other content",
        weight=0.9,
        run=_swapped,
        tier=2,
    ),
    Check(
        name="pairing_gap",
        doc="how much more of a clip caption (by weight of its words) its own frame captions hold than other clips' do",
        weight=0.0,
        run=_gap,
        tier=2,
        unit="score",
        better="high",
    ),
)
