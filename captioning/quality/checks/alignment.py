"""Image-text alignment of captions and stills (CLIP), as the gap to shuffled pairs rather than a bare cosine.

Runs if the dataset's embedder has a text tower (open_clip) and its weights are configured. A bare CLIP cosine means
little (it depends on length, style and the model); what matters is how much better a clip's own stills fit than those
of other clips of the same bucket. Sentences are embedded one by one, because CLIP reads 77 tokens.

    results = CHECKS["misaligned"].run(Corpus.of(records, image_text=text_tower))
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from captioning.quality.check import Check, CheckResult, fault
from captioning.quality.clip import Clip
from captioning.quality.corpus import Corpus
from captioning.quality.matching import Fit, draw_rivals, judge_pairs
from captioning.quality.similarity import Matrix, unit_rows


def _with_vectors(corpus: Corpus) -> list[Clip]:
    if corpus.image_text is None:
        return []
    return [clip for clip in corpus.captioned if any(frame.vector for frame in clip.record.frames)]


def _image_vectors(clips: Sequence[Clip]) -> Matrix:
    """[clips, D]: the mean of each clip's still embeddings, rows of length 1."""
    vectors = [np.array([frame.vector for frame in clip.record.frames if frame.vector], np.float32) for clip in clips]
    return unit_rows(np.array([unit_rows(frames).mean(axis=0) for frames in vectors], np.float32))


def _rivals(corpus: Corpus, clips: Sequence[Clip]) -> tuple[NDArray[np.int_], NDArray[np.bool_]]:
    """The indices of rivals [M], and a mask [N, M] of excluded pairs: the clip itself, its source, other buckets."""
    rivals = draw_rivals(len(clips), corpus.seed)
    buckets = np.array([clip.record.bucket for clip in clips])
    sources = np.array([clip.record.source for clip in clips])
    excluded = (buckets[:, None] != buckets[rivals][None, :]) | (sources[:, None] == sources[rivals][None, :])
    return rivals, excluded | (np.arange(len(clips))[:, None] == rivals[None, :])


def _fit(corpus: Corpus, clips: Sequence[Clip], texts: Matrix) -> Fit:
    images = _image_vectors(clips)
    rivals, excluded = _rivals(corpus, clips)
    scores = texts @ images[rivals].T
    return Fit(own=(texts * images).sum(axis=1), rivals=np.where(excluded, np.nan, scores).astype(np.float32))


def _whole(corpus: Corpus, clips: Sequence[Clip]) -> Fit:
    """A caption's vector is the mean of its sentences', so that nothing is cut at 77 tokens."""
    return _fit(
        corpus, clips, unit_rows(np.array([_sentences(corpus, clip).mean(axis=0) for clip in clips], np.float32))
    )


def _sentences(corpus: Corpus, clip: Clip) -> Matrix:
    assert corpus.image_text is not None
    return unit_rows(corpus.image_text(clip.sentences))


def _gap(corpus: Corpus) -> Mapping[str, CheckResult]:
    clips = _with_vectors(corpus)
    if len(clips) < 2:
        return {}
    fit = _whole(corpus, clips)
    kept = np.asarray(np.isfinite(fit.rivals).any(axis=1))
    return {
        clip.key: CheckResult(float(fit.own[index] - np.nanmean(fit.rivals[index])))
        for index, clip in enumerate(clips)
        if kept[index]
    }


def _misaligned(corpus: Corpus) -> Mapping[str, CheckResult]:
    clips = _with_vectors(corpus)
    if len(clips) < 2:
        return {}
    match = judge_pairs(_whole(corpus, clips))
    reason = "fits its own stills no better than those of other clips of its bucket"
    judged = zip(clips, match.z, match.mismatched, strict=True)
    return {clip.key: fault(reason if wrong else "") for clip, z, wrong in judged if np.isfinite(z)}


def _sentence_share(corpus: Corpus) -> Mapping[str, CheckResult]:
    """Per clip, the share of sentences that fit its stills better than the median of its rivals' stills."""
    clips = _with_vectors(corpus)
    if len(clips) < 2:
        return {}
    images = _image_vectors(clips)
    rivals, excluded = _rivals(corpus, clips)
    results = {}
    for index, clip in enumerate(clips):
        others = images[rivals[~excluded[index]]]
        if len(others):
            vectors = _sentences(corpus, clip)
            better = vectors @ images[index] > np.median(vectors @ others.T, axis=1)
            results[clip.key] = CheckResult(float(better.mean()))
    return results


CHECKS = (
    Check(
        name="alignment_gap",
        doc="cosine of a caption and its own stills (image-text model) less that of shuffled pairs of its bucket",
        weight=0.0,
        run=_gap,
        tier=2,
        unit="score",
        better="high",
    ),
    Check(
        name="misaligned",
        doc="captions that fit their own stills (image-text model) no better than shuffled pairs do",
        weight=0.9,
        run=_misaligned,
        tier=2,
    ),
    Check(
        name="aligned_sentences",
        doc=(
            "sentences that fit their clip's stills better than the middle one of its bucket's other clips; chance 0.5"
        ),
        weight=0.0,
        run=_sentence_share,
        tier=2,
        better="high",
    ),
)
