"""Checks that a model's summary is grounded: it may claim nothing that no frame caption says.

A small language model repeats itself, chats, and invents. Its text is kept only if it is plain prose that ends with a
sentence and if every content word occurs in some frame caption; otherwise the reason is returned and the joined frame
captions are used instead. Only words are compared: a colour that moved to another object goes unnoticed.

    python -m captioning.grounding "A dog barks." "A dog sits on a lawn."      # summary, then the frame captions
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from captioning.form import find_fault
from captioning.words import DOUBT_WORDS, content_words, fold, is_closed, sentences, word_set, words

MEDIUM_NAMES = ("video", "frame", "image")
# A pronoun states a sex that a caption of "a person" leaves open, so some frame caption must use a word of its group.
GENDERED = (
    word_set("he him his himself man men boy boys father brother son king husband gentleman"),
    word_set("she her hers herself woman women girl girls mother sister daughter queen wife lady"),
)
# What is in doubt ends before the preposition: "may be a hawk" in "may be a hawk in a blue sky".
_DOUBTED = re.compile(
    r"\b(?:may|might|could|seems? to|appears? to) be ((?:(?!\b(?:in|on|at|with|under|near|against|beside|behind|above|"
    r"below|before)\b)[^.,;!?])*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The summary cut to whole sentences, and why it is rejected; `reason` is None if it is accepted."""

    text: str
    reason: str | None


def guard(summary: str, evidence: Sequence[str]) -> Verdict:
    """Cut a summary at its last sentence end and check it against what is known of its clip (its frame captions)."""
    whole = [sentence for sentence in sentences(summary) if is_closed(sentence)]
    text = " ".join(whole)
    if fault := find_fault(summary, notes=evidence):
        return Verdict(text=text, reason=fault.reason)
    return Verdict(text=text, reason=unsupported(text, evidence) if whole else "no sentence came to its end")


def unsupported(text: str, frame_captions: Sequence[str]) -> str | None:
    """Why a text is not supported by the frame captions, as a sentence; None if all of it is."""
    supported = {key for caption in frame_captions for key in content_words(caption)}
    claims = content_words(text)
    media = [word for key, word in claims.items() if key not in supported and key in map(fold, MEDIUM_NAMES)]
    if media:
        return f"names the medium: {', '.join(media)}"
    invented = [word for key, word in claims.items() if key not in supported]
    if invented:
        return f"not in any frame caption: {', '.join(invented)}"
    mentioned = {word for caption in frame_captions for word in words(caption)}
    assumed = [
        word for word in words(text) for gendered in GENDERED if word in gendered and mentioned.isdisjoint(gendered)
    ]
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
    """Content words that the captions mention only as a doubt: `hawk` in `what may be a hawk in a blue sky`."""
    certain = {key for caption in frame_captions for key in content_words(_DOUBTED.sub("", caption))}
    contents = [content_words(phrase) for phrase in _phrases(frame_captions)]
    return [word for content in contents for key, word in content.items() if key not in certain]


def _phrases(texts: Sequence[str]) -> list[str]:
    return [match.group(1).strip() for text in texts for match in _DOUBTED.finditer(text)]


def _claimed(word: str, text: str) -> bool:
    mentions = [sentence for sentence in sentences(text) if fold(word) in content_words(sentence)]
    return any(DOUBT_WORDS.isdisjoint(words(sentence)) for sentence in mentions)


def main() -> None:
    """Print the verdict on the first argument against the others."""
    print(guard(sys.argv[1], sys.argv[2:]))


if __name__ == "__main__":
    main()
