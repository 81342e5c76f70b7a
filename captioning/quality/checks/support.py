"""Consistency of a clip caption with what was said of its frames: what it adds. Never "truth": the frames may lie too.

python -m pytest tests/captioning/quality/checks/test_support.py
"""

import re
from collections.abc import Iterator, Mapping

from captioning.quality.check import Check, Seen, fault
from captioning.quality.clip import Clip
from captioning.quality.corpus import Corpus
from captioning.quality.lexicons import NUMBERS, SETTING, SUBJECT
from captioning.words import STOP_WORDS, fold, word_set

_OPENS = word_set("a an the his her its their some several many another this that") | NUMBERS.keys()
_PHRASE = 4  # words that a noun phrase may have after its article
_THINGS = frozenset(map(fold, SUBJECT | SETTING))


def _support(corpus: Corpus) -> Mapping[str, Seen]:
    return {
        clip.key: Seen(1 - len(corpus.unsupported[clip.key]) / len(clip.content))
        for clip in corpus.witnessed
        if clip.content
    }


def _invented(corpus: Corpus) -> Mapping[str, Seen]:
    return {clip.key: fault(_invention(clip, corpus.unsupported[clip.key])) for clip in corpus.witnessed}


def _invention(clip: Clip, missing: Mapping[str, str]) -> str:
    """A phrase that names a thing nobody saw: its noun is missing, and so is whatever else it says of the thing."""
    for phrase in phrases(clip.text):
        gone = [word for word in phrase if fold(word) in missing]
        known_thing = any(fold(word) in _THINGS for word in gone)
        if gone and (len(gone) == len(phrase) or known_thing or len(gone) > 1):
            return f"no frame caption speaks of {' '.join(phrase)!r}"
    return ""


def phrases(text: str) -> Iterator[list[str]]:
    """The content words of each phrase that an article, a possessive or a number opens, up to the next small word."""
    for clause in re.split(r"[.,;:!?]", text.lower()):
        tokens = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", clause)
        for place, token in enumerate(tokens):
            if token not in _OPENS:
                continue
            phrase: list[str] = []
            for word in tokens[place + 1 : place + 1 + _PHRASE]:
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
        look=_support,
        tier=1,
        better="high",
    ),
    Check(
        name="invented",
        doc="captions that name a thing which no frame caption and no measure speaks of",
        weight=0.5,
        look=_invented,
        tier=1,
    ),
)
