"""Detects frame captions on the wrong images: they are compared with what was measured in the stills.

Three sources, each where it is available: the classifier's labels (their words against the captions' words), the
measured colours, and the image embeddings. From embeddings to captions a linear map is fitted on the dataset itself
(cross-fitted: never on the clip that it judges), because captions of similar images should be similar. Each source is
weighted by how well it separates pairs from rivals. Clips of one source, and captions that share half their words, are
no rivals.

    results = CHECKS["swapped_frames"].run(corpus)
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from captioning.quality.check import Check, CheckResult, fault
from captioning.quality.clip import Clip
from captioning.quality.corpus import Corpus
from captioning.quality.lexicons import COLOURS
from captioning.quality.matching import Fit, combined, draw_rivals, judge_pairs, standardised
from captioning.quality.similarity import Matrix, Vocabulary, means, overlap, projected, unit_rows, weighted
from captioning.words import content_words, words

SAME_CONTENT = 0.5
# Folds of the cross-fitting, ridge relative to the mean variance, width of the word vectors, least number of clips.
FOLDS, RIDGE, WIDTH, FEWEST = 5, 1.0, 256, 40
# A label below this probability is a guess among a thousand classes.
LIKELY = 0.05
_SPELLED = {"gray": "grey", "violet": "purple", "golden": "yellow", "gold": "yellow", "silver": "grey", "tan": "beige"}


def _swapped(corpus: Corpus) -> Mapping[str, CheckResult]:
    clips = _with_measurements(corpus)
    fits = _fits(corpus, clips)
    if not fits:
        return {}
    match, rivals = judge_pairs(combined(fits)), draw_rivals(len(clips), corpus.seed)
    results = {}
    for index, clip in enumerate(clips):
        if np.isfinite(match.z[index]):
            rival = clips[int(rivals[match.best[index]])]
            why = f"its frame captions fit its stills no better than chance, and those of {rival.key} better"
            results[clip.key] = fault(why if match.mismatched[index] else "")
    return results


def _gap(corpus: Corpus) -> Mapping[str, CheckResult]:
    clips = _with_measurements(corpus)
    fits = _fits(corpus, clips)
    if not fits:
        return {}
    own = standardised(combined(fits)).own
    return {clip.key: CheckResult(float(z)) for clip, z in zip(clips, own, strict=True) if np.isfinite(z)}


def _with_measurements(corpus: Corpus) -> list[Clip]:
    """Clips with frame captions, and with measurements of their stills."""
    return [
        clip
        for clip in corpus.clips
        if any(clip.frame_contents)
        and any(frame.labels or frame.vector or frame.colours for frame in clip.record.frames)
    ]


def _fits(corpus: Corpus, clips: Sequence[Clip]) -> list[Fit]:
    if len(clips) < 2:
        return []
    rivals = draw_rivals(len(clips), corpus.seed)
    claims = [{key for content in clip.frame_contents for key in content} for clip in clips]
    vocabulary = Vocabulary(claims)
    words_of = vocabulary.binary(claims)
    sources = np.array([clip.record.source for clip in clips])
    alike = (overlap(words_of, words_of[rivals]) >= SAME_CONTENT) | (sources[:, None] == sources[rivals][None, :])
    alike |= np.arange(len(clips))[:, None] == rivals[None, :]
    captions = _caption_vectors(corpus, clips, vocabulary)
    scores = [_labels(corpus, clips, claims, rivals), _colours(clips, rivals), _mapped(corpus, clips, captions, rivals)]
    return [
        Fit(own=own, rivals=np.where(alike, np.nan, rival).astype(np.float32)) for own, rival in filter(None, scores)
    ]


Scores = tuple[Matrix, Matrix]


def _caption_vectors(corpus: Corpus, clips: Sequence[Clip], vocabulary: Vocabulary) -> Matrix:
    """[clips, width]: the mean of a clip's frame captions, by words and, with an embedder, also by meaning."""
    counts = [len(clip.frame_texts) for clip in clips]
    contents = [content for clip in clips for content in clip.frame_contents]
    by_word = unit_rows(means(projected(vocabulary.tfidf(contents), WIDTH, corpus.seed), counts))
    if corpus.embed is None:
        return by_word
    by_meaning = unit_rows(means(corpus.embed([text for clip in clips for text in clip.frame_texts]), counts))
    return unit_rows(np.concatenate([by_word, by_meaning], axis=1))


def _labels(
    corpus: Corpus, clips: Sequence[Clip], claims: Sequence[set[str]], rivals: NDArray[np.int_]
) -> Scores | None:
    """Probability-weighted share of the labels' words that the frame captions have, in any form or near meaning."""
    label_means: list[Mapping[str, float]] = []
    for clip in clips:
        mean: dict[str, float] = defaultdict(float)
        for frame in clip.record.frames:
            for name, share in frame.labels:
                mean[name] += share / len(clip.record.frames) if share >= LIKELY else 0.0
        label_means.append(mean)
    names = sorted({name for mean in label_means for name, share in mean.items() if share})
    if not names:
        return None
    support = _label_words(names, claims)
    if corpus.embed:
        texts = corpus.embed([text for clip in clips for text in clip.frame_texts])
        counts = [len(clip.frame_texts) for clip in clips]
        support = support + np.maximum(unit_rows(means(texts, counts)) @ corpus.embed(names).T, 0)
    # Weighted by probability: a caption is compared with likely labels, not with guesses.
    return _scores(support - support.mean(axis=0, keepdims=True), weighted(label_means, names), rivals)


def _label_words(names: Sequence[str], claims: Sequence[set[str]]) -> Matrix:
    """[clips, names]: the share of a label's words that the clip's frame captions have."""
    parts = [content_words(name).keys() for name in names]
    support = [[len(part & words_of_clip) / max(1, len(part)) for part in parts] for words_of_clip in claims]
    return np.array(support, np.float32).reshape(len(claims), len(names))


def _colours(clips: Sequence[Clip], rivals: NDArray[np.int_]) -> Scores | None:
    """How well the colours that a clip's captions name agree with the shares of colours in its stills."""
    colour_means = []
    for clip in clips:
        total: dict[str, float] = defaultdict(float)
        for frame in clip.record.frames:
            for name, share in frame.colours:
                total[_base(name)] += share / len(clip.record.frames)
        colour_means.append(total)
    names = sorted({name for total in colour_means for name in total})
    if not names:
        return None
    mentioned = [
        Counter(_base(word) for text in clip.frame_texts for word in words(text) if word in COLOURS or word == "dark")
        for clip in clips
    ]
    shares = np.sqrt(weighted(colour_means, names))
    spoken = unit_rows(np.sqrt(weighted([{k: float(v) for k, v in counts.items()} for counts in mentioned], names)))
    return _scores(spoken - spoken.mean(axis=0, keepdims=True), shares - shares.mean(axis=0, keepdims=True), rivals)


def _base(name: str) -> str:
    word = name.split()[-1]
    return _SPELLED.get(word, word)


def _mapped(corpus: Corpus, clips: Sequence[Clip], captions: Matrix, rivals: NDArray[np.int_]) -> Scores | None:
    """Cosine between a clip's captions and the captions that a map, fitted on other clips, predicts from its stills."""
    width = max((len(frame.vector) for clip in clips for frame in clip.record.frames), default=0)
    if not width or len(clips) < FEWEST:
        return None
    images = np.zeros((len(clips), width), np.float32)
    for index, clip in enumerate(clips):
        vectors = [frame.vector for frame in clip.record.frames if len(frame.vector) == width]
        if vectors:
            images[index] = np.array(vectors, np.float32).mean(axis=0)
    expected = unit_rows(cross_fitted(unit_rows(images), captions, corpus.seed))
    return _scores(captions - captions.mean(axis=0, keepdims=True), expected, rivals)


def cross_fitted(inputs: Matrix, targets: Matrix, seed: int) -> Matrix:
    """Ridge regression predictions [N, T] from `inputs` [N, D] to `targets` [N, T], both centred.

    Each row is predicted by a fit on the four folds (of five) that it is not in. The prediction of an average input is
    zero. Other clips of the row's source may be in the fit: if all clips of one source carry another source's captions,
    the map learns the mistake, and only labels and colours can reveal it.
    """
    inputs, targets = inputs - inputs.mean(axis=0), targets - targets.mean(axis=0)
    fold_of = np.random.default_rng(seed).permutation(len(inputs)) % FOLDS
    expected = np.zeros_like(targets)
    gram, cross = inputs.T @ inputs, inputs.T @ targets
    ridge = RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram), dtype=np.float32)
    for fold in range(FOLDS):
        held_out = fold_of == fold
        left_gram, left_cross = (
            gram - inputs[held_out].T @ inputs[held_out],
            cross - inputs[held_out].T @ targets[held_out],
        )
        expected[held_out] = inputs[held_out] @ np.linalg.solve(left_gram + ridge, left_cross)
    return expected


def _scores(texts: Matrix, images: Matrix, rivals: NDArray[np.int_]) -> Scores:
    return (texts * images).sum(axis=1), texts @ images[rivals].T


CHECKS = (
    Check(
        name="swapped_frames",
        doc="clips whose frame captions fit their stills (labels, colours, embeddings) no better than chance",
        weight=0.9,
        run=_swapped,
        tier=2,
    ),
    Check(
        name="pictures_gap",
        doc="how much better frame captions fit their own stills than others', in standard deviations of the latter",
        weight=0.0,
        run=_gap,
        tier=2,
        unit="score",
        better="high",
    ),
)
