"""Colours and numbers in a caption that contradict the frame captions.

results = CHECKS["colour_conflict"].run(corpus)
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from captioning.quality.check import Check, CheckResult, fault
from captioning.quality.clip import Clip
from captioning.quality.corpus import Corpus
from captioning.quality.lexicons import ADJECTIVES, COLOURS, NUMBERS
from captioning.words import STOP_WORDS, fold

_SAME_COLOUR = {
    "gray": "grey",
    "silver": "grey",
    "violet": "purple",
    "gold": "yellow",
    "golden": "yellow",
    "navy": "blue",
}
_BETWEEN = 2  # adjectives that may stand between a number or colour and its noun


def _colours(corpus: Corpus) -> Mapping[str, CheckResult]:
    known = {word: _SAME_COLOUR.get(word, word) for word in COLOURS}
    return {clip.key: fault(_contradiction(clip, known)) for clip in corpus.with_evidence}


def _numbers(corpus: Corpus) -> Mapping[str, CheckResult]:
    digits = {str(number): str(number) for number in range(2, 100)}
    known = {word: str(number) for word, number in NUMBERS.items()} | digits
    return {clip.key: fault(_contradiction(clip, known)) for clip in corpus.with_evidence}


def _contradiction(clip: Clip, known: Mapping[str, str]) -> str:
    evidence = _attributes([*clip.frame_texts, clip.record.overview], known)
    for noun, values in _attributes([clip.text], known).items():
        if noun in evidence and evidence[noun].isdisjoint(values):
            return f"{'/'.join(sorted(values))} {noun}, but the frame captions say {'/'.join(sorted(evidence[noun]))}"
    return ""


def _attributes(texts: Sequence[str], known: Mapping[str, str]) -> dict[str, set[str]]:
    """Stem of a noun -> the values that precede the noun in the texts: `red car`, `two small dogs`."""
    values_of: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        for clause in re.split(r"[.,;:!?]", text.lower()):
            tokens = re.findall(r"[^\W_]+", clause)
            for index, token in enumerate(tokens):
                if token in known and (noun := _noun(tokens[index + 1 :], known)):
                    values_of[fold(noun)].add(known[token])
    return values_of


def _noun(after: Sequence[str], known: Mapping[str, str]) -> str:
    for word in after[: _BETWEEN + 2]:
        if word in ADJECTIVES or word in known or word in COLOURS or word in ("of", "and"):
            continue
        return "" if word in STOP_WORDS else word
    return ""


CHECKS = (
    Check(
        name="colour_conflict",
        doc="captions that give a thing another colour than the frame captions",
        weight=0.4,
        run=_colours,
        tier=1,
    ),
    Check(
        name="number_conflict",
        doc="captions that give things another number than the frame captions",
        weight=0.4,
        run=_numbers,
        tier=1,
    ),
)
