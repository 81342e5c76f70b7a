"""Consistency of a caption with its frame captions: what it adds. It is not truth: frame captions may be wrong too.

results = CHECKS["invented"].run(Corpus.of(records, embed=SentenceModel()))
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from captioning.quality.check import Check, CheckResult, fault
from captioning.quality.clip import Clip
from captioning.quality.corpus import Corpus
from captioning.quality.evidence import RELATED, TextVectors
from captioning.quality.lexicons import NUMBERS, SETTING, SUBJECT
from captioning.words import STOP_WORDS, fold, word_set

_OPENS = word_set("a an the his her its their some several many another this that") | NUMBERS.keys()
_PHRASE = 4  # words that a noun phrase may have after its determiner
_THINGS = frozenset(map(fold, SUBJECT | SETTING))


def _support(corpus: Corpus) -> Mapping[str, CheckResult]:
    return {
        clip.key: CheckResult(1 - len(corpus.unsupported[clip.key]) / len(clip.content))
        for clip in corpus.with_evidence
        if clip.content
    }


def _invented(corpus: Corpus) -> Mapping[str, CheckResult]:
    if corpus.embed is None:
        # By words alone synonyms look invented: six of ten correct captions were flagged when this was measured.
        return {}
    suspects = {clip.key: _suspects(clip, corpus.unsupported[clip.key]) for clip in corpus.with_evidence}
    phrases_of = {clip.key: _told(clip) for clip in corpus.with_evidence if suspects[clip.key]}
    corpus.embed(sorted({phrase for key in phrases_of for phrase in (*phrases_of[key], *suspects[key])}))
    suspects |= {key: _strange(suspects[key], phrases_of[key], corpus.embed) for key in phrases_of}
    return {
        key: fault(f"no frame caption speaks of {invented[0]!r}" if invented else "")
        for key, invented in suspects.items()
    }


def _suspects(clip: Clip, missing: Mapping[str, str]) -> list[str]:
    """The missing words of noun phrases that seem to name something without support."""
    suspects = []
    for phrase in phrases(clip.text):
        gone = [word for word in phrase if fold(word) in missing]
        if gone and (len(gone) == len(phrase) or len(gone) > 1 or not _THINGS.isdisjoint(map(fold, gone))):
            suspects.append(" ".join(gone))
    return suspects


def _told(clip: Clip) -> list[str]:
    texts = (*clip.frame_texts, clip.record.overview)
    return sorted({" ".join(phrase) for text in texts for phrase in phrases(text)}) or list(texts)


def _strange(suspects: Sequence[str], known: Sequence[str], embed: TextVectors) -> list[str]:
    """The suspects without a known phrase of similar meaning: `running machine` is similar to `treadmill`."""
    nearest = (embed(suspects) @ embed(known).T).max(axis=1)
    return [suspect for suspect, near in zip(suspects, nearest, strict=True) if near < RELATED]


def phrases(text: str) -> Iterator[list[str]]:
    """The content words of each noun phrase: after an article, possessive or number, up to the next function word."""
    for clause in re.split(r"[.,;:!?]", text.lower()):
        tokens = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", clause)
        for index, token in enumerate(tokens):
            if token not in _OPENS:
                continue
            phrase: list[str] = []
            for word in tokens[index + 1 : index + 1 + _PHRASE]:
                if word in STOP_WORDS or word in _OPENS:
                    break
                phrase += re.split("-", word)
            if phrase:
                yield phrase


CHECKS = (
    Check(
        name="support",
        doc="of a clip caption's content words, the share that a frame caption, the overview or a measure holds",
        weight=0.0,
        run=_support,
        tier=1,
        better="high",
    ),
    Check(
        name="invented",
        doc="captions that name a thing which no frame caption and no measure speaks of (needs a sentence embedder)",
        weight=0.5,
        run=_invented,
        tier=1,
    ),
)
