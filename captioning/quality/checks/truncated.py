"""Truncated captions: no sentence end, a last word that needs another, or far too short for the frame captions.

Grounding cuts a model's text at its last whole sentence, so a truncated caption may end well and only be short. So its
length is compared with its own frame captions and with the ratio of other clips.

    results = CHECKS["truncated"].run(corpus)
"""

from collections.abc import Mapping

import numpy as np

from captioning.joining import join
from captioning.lengths import DANGLING
from captioning.quality.check import Check, CheckResult, fault
from captioning.quality.clip import Clip
from captioning.quality.corpus import Corpus
from captioning.quality.lexicons import ADJECTIVES, COLOURS
from captioning.words import is_closed, word_set, words

# Words that hardly ever end an English sentence, except those that may belong to a verb (`stands by`, `looks on`).
_MAY_END = word_set("in on by over under near behind before after then so that her")
_NEEDS_MORE = (DANGLING - _MAY_END) | word_set(
    "toward towards against beside between among upon than like per every these those my your our "
    "wearing holding carrying "
    "making being including featuring until although though whose"
)
_DETERMINERS = word_set("a an the his her its their this that another")
# Too short: below these shares of the median (words per word of the frame captions; words), given so many clips.
SHORT_OF_GIVEN, SHORT_OF_PEERS, FEWEST_PEERS = 0.45, 0.5, 20


def _check(corpus: Corpus) -> Mapping[str, CheckResult]:
    given = {clip.key: len(words(join(clip.frame_texts))) for clip in corpus.captioned}
    peers = [(len(clip.words) / given[clip.key], len(clip.words)) for clip in corpus.captioned if given[clip.key]]
    usual = tuple(np.median(np.array(peers), axis=0)) if len(peers) >= FEWEST_PEERS else (0.0, 0.0)
    return {clip.key: fault(_cut(clip) or _short(clip, given[clip.key], usual)) for clip in corpus.captioned}


def _cut(clip: Clip) -> str:
    if not is_closed(clip.text):
        return f"does not end a sentence: ...{clip.text[-40:]!r}"
    if not clip.words:
        return ""
    last, before = clip.words[-1], clip.words[-2] if len(clip.words) > 1 else ""
    if last in _NEEDS_MORE:
        return f"ends in {last!r}"
    if before in _DETERMINERS and last in COLOURS | ADJECTIVES | _NEEDS_MORE:
        return f"ends in {before + ' ' + last!r}"
    return ""


def _short(clip: Clip, given: int, usual: tuple[float, ...]) -> str:
    if not given or not usual[0]:
        return ""
    ratio = len(clip.words) / given
    if ratio < SHORT_OF_GIVEN * usual[0] and len(clip.words) < SHORT_OF_PEERS * usual[1]:
        return f"{len(clip.words)} words of the {given} that its frame captions give, where others keep {usual[0]:.0%}"
    return ""


CHECKS = (
    Check(
        name="truncated",
        doc="captions that break off, or are far shorter than their frame captions and other clips make likely",
        weight=0.7,
        run=_check,
    ),
)
