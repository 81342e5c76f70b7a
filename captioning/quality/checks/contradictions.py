"""Colours and numbers that a clip caption gives to a thing and the frame captions give otherwise.

python -m pytest tests/captioning/quality/checks/test_contradictions.py
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
_BETWEEN = 2  # adjectives that may stand between a number or colour and its thing


def _colours(corpus: Corpus) -> Mapping[str, CheckResult]:
    known = {word: _SAME_COLOUR.get(word, word) for word in COLOURS}
    return {clip.key: fault(_contradiction(clip, known)) for clip in corpus.with_evidence}


def _numbers(corpus: Corpus) -> Mapping[str, CheckResult]:
    digits = {str(number): str(number) for number in range(2, 100)}
    known = {word: str(number) for word, number in NUMBERS.items()} | digits
    return {clip.key: fault(_contradiction(clip, known)) for clip in corpus.with_evidence}


def _contradiction(clip: Clip, known: Mapping[str, str]) -> str:
    given = _given([*clip.frame_texts, clip.record.overview], known)
    for thing, values in _given([clip.text], known).items():
        if thing in given and given[thing].isdisjoint(values):
            return f"{'/'.join(sorted(values))} {thing}, but the frame captions say {'/'.join(sorted(given[thing]))}"
    return ""


def _given(texts: Sequence[str], known: Mapping[str, str]) -> dict[str, set[str]]:
    """Thing (folded) -> the values that the texts give it right before its name: `red car`, `two small dogs`."""
    values_of: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        for clause in re.split(r"[.,;:!?]", text.lower()):
            tokens = re.findall(r"[^\W_]+", clause)
            for index, token in enumerate(tokens):
                if token in known and (thing := _thing(tokens[index + 1 :], known)):
                    values_of[fold(thing)].add(known[token])
    return values_of


def _thing(after: Sequence[str], known: Mapping[str, str]) -> str:
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
