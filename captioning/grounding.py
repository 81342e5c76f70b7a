"""The guard on a model's summary: it may say nothing that no frame caption said.

A small language model repeats itself, chats, and invents. What it wrote is kept only if it is plain prose that ends in
a sentence, and if every content word in it stands in some frame caption; otherwise the reason is returned and the
joined frame captions stand in its place. The guard looks at words: it cannot see a colour that moved to another thing.

    python -m captioning.grounding "A dog barks." "A dog sits on a lawn."      # summary, then the frame captions
"""

import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from captioning.words import DOUBT_WORDS, content_words, fold, is_closed, sentences, word_set, words

PREAMBLE = re.compile(
    r"^\W*(?:sure\b|here(?:'s|’s| is| are)\b|certainly\b|of course\b|okay\b|ok\b|absolutely\b|i\b|i'|"
    r"(?:the )?(?:following|summary|caption|description|answer|notes)\b)",
    re.IGNORECASE,
)
MARKUP = re.compile(r"^\s*(?:[-*•#>]|\d+[.)])\s|\*\*|__|```|<\|?\w+", re.MULTILINE)
MEDIUM_NAMES = ("video", "frame", "image")
LOOP_WORDS, LOOP_TIMES = 4, 3
# A pronoun tells a sex that a caption of "a person" leaves open, so it needs a word of the same kind to stand on.
GENDERED = (
    word_set("he him his himself man men boy boys father brother son king husband gentleman"),
    word_set("she her hers herself woman women girl girls mother sister daughter queen wife lady"),
)
# What is doubted ends where the phrase ties it to its surroundings: "may be a hawk" of "may be a hawk in a blue sky".
_DOUBTED = re.compile(
    r"\b(?:may|might|could|seems? to|appears? to) be ((?:(?!\b(?:in|on|at|with|under|near|against|beside|behind|above|"
    r"below|before)\b)[^.,;!?])*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The summary cut to whole sentences, and why it is rejected; `reason` is None if it may stand."""

    text: str
    reason: str | None


def guard(summary: str, frame_captions: Sequence[str]) -> Verdict:
    """Cut a summary at its last sentence end and judge it against the frame captions of its clip."""
    whole = [sentence for sentence in sentences(summary) if is_closed(sentence)]
    text = " ".join(whole)
    return Verdict(text=text, reason=_form(summary, whole, frame_captions) or _content(text, frame_captions))


def _form(summary: str, whole: Sequence[str], frame_captions: Sequence[str]) -> str | None:
    if not summary.strip():
        return "the model wrote nothing"
    if preamble := PREAMBLE.match(summary):
        return f"preamble: {preamble.group().strip()!r}"
    if markup := MARKUP.search(summary):
        return f"list or markup: {markup.group().strip()!r}"
    if not whole:
        return "no sentence came to its end"
    if loop := _loop(whole, frame_captions):
        return f"repetition: {loop!r}"
    return None


def _loop(whole: Sequence[str], frame_captions: Sequence[str]) -> str | None:
    told: set[frozenset[str]] = set()
    for sentence in whole:
        content = frozenset(content_words(sentence))
        if content and content in told:
            return sentence
        told.add(content)
    # Captions of one shot share turns of phrase, so a run counts as a loop only if they say it less often.
    given = Counter(run for caption in frame_captions for run in _runs(caption))
    said = Counter(_runs(" ".join(whole)))
    return next((" ".join(run) for run, times in said.items() if times >= LOOP_TIMES and times > given[run]), None)


def _runs(text: str) -> list[tuple[str, ...]]:
    found = words(text)
    return [tuple(found[at : at + LOOP_WORDS]) for at in range(len(found) - LOOP_WORDS + 1)]


def _content(text: str, frame_captions: Sequence[str]) -> str | None:
    held = {key for caption in frame_captions for key in content_words(caption)}
    said = content_words(text)
    media = [word for key, word in said.items() if key not in held and key in map(fold, MEDIUM_NAMES)]
    if media:
        return f"speaks of the medium: {', '.join(media)}"
    invented = [word for key, word in said.items() if key not in held]
    if invented:
        return f"not in any frame caption: {', '.join(invented)}"
    told = {word for caption in frame_captions for word in words(caption)}
    assumed = [word for word in words(text) for kind in GENDERED if word in kind and told.isdisjoint(kind)]
    if assumed:
        return f"tells a sex that no frame caption tells: {', '.join(dict.fromkeys(assumed))}"
    return _doubt(text, frame_captions)


def _doubt(text: str, frame_captions: Sequence[str]) -> str | None:
    doubts = doubted(frame_captions)
    sure = [word for word in doubts if _claimed(word, text)]
    if sure:
        return f"certain of what the frame captions doubt: {', '.join(dict.fromkeys(sure))}"
    given_phrases = set(_phrases(frame_captions))
    given = {key for phrase in given_phrases for key in content_words(phrase)}
    new = [phrase for phrase in _phrases([text]) if phrase not in given_phrases]
    unsure = [phrase for phrase in new if not given.intersection(content_words(phrase))]
    return f"in doubt of what the frame captions tell: {', '.join(unsure)}" if unsure else None


def doubted(frame_captions: Sequence[str]) -> list[str]:
    """Content words that the captions only ever say in doubt: `hawk` of `what may be a hawk in a blue sky`."""
    certain = {key for one in frame_captions for key in content_words(_DOUBTED.sub("", one))}
    found = [content_words(phrase) for phrase in _phrases(frame_captions)]
    return [word for content in found for key, word in content.items() if key not in certain]


def _phrases(texts: Sequence[str]) -> list[str]:
    return [found.group(1).strip() for text in texts for found in _DOUBTED.finditer(text)]


def _claimed(word: str, text: str) -> bool:
    mentions = [one for one in sentences(text) if fold(word) in content_words(one)]
    return any(DOUBT_WORDS.isdisjoint(words(one)) for one in mentions)


def main() -> None:
    """Print the verdict on the first argument against the others."""
    print(guard(sys.argv[1], sys.argv[2:]))


if __name__ == "__main__":
    main()
