"""Finds faults in the form of a model's text, whatever its content: cut off, refusal, loop, preamble, not English.

The same faults spoil frame captions, overviews and clip captions. Each fault comes with the correction that the model
is sent when it is asked again. What the text claims is checked in `captioning.grounding`.

    python -m captioning.form "Sure! Here is a caption: a dog."
"""

import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from captioning.language import other_language
from captioning.words import content_words, is_closed, sentences, words

PREAMBLE = re.compile(
    r"^\W*(?:sure\b|here(?:'s|’s| is| are)\b|certainly\b|of course\b|okay\b|ok\b|absolutely\b|i\b|i'|"
    r"(?:the )?(?:following|summary|caption|description|answer|notes)\b)",
    re.IGNORECASE,
)
MARKUP = re.compile(
    r"^\s*(?:[-*•#>]|\d+[.)])\s|\*\*|__|```|</?\|?\w+|\w\|?>|^\s*[{\[]\s*\"|\[/?[A-Z]{3,}\]|[◁▷]|\\(?:boxed|text)\b",
    re.MULTILINE,
)
# Thinking without markers around it. Words that may describe a scene ("a man waits", "first, a car") do not match.
THINKING = re.compile(
    r"\bthe user(?:['’]s)? (?:wants?|wanted|asks?|asked|is asking|provided|said|says|gave|needs?|request(?:s|ed)?|"
    r"instructions?|query|prompt)\b|"
    r"(?:^|[.!?…]\s+|\n)\W*(?:(?:so|now|then|first|next|okay|ok|alright|hmm+|well|but|wait),? +)*"
    r"(?:let me|let['’]s|let us|i(?:['’]ll| will| need to| should| have to| must| think| can see)|"
    r"we (?:need to|should|have to|must|are asked)|(?:hmm+|wait|alright|okay|got it)[,.!])(?=\W|$)|"
    r"\b(?:step[ -]by[ -]step|chain of thought|final answer|my (?:answer|response|task|instructions?)|"
    r"the (?:task|instructions?|prompt|guidelines?) (?:is|are|says?|asks?|requires?|wants?)|double[- ]check|"
    r"the (?:final )?(?:caption|description|summary|answer) (?:should|must|needs? to|could|would be))\b",
    re.IGNORECASE,
)
REFUSAL = re.compile(
    r"\b(?:i(?:['’]m| am)? (?:sorry|unable|not able|afraid)|"
    r"i (?:can(?:no|['’])t|can not|could not|couldn['’]t|won['’]t|do not|don['’]t) (?:\w+ ){0,2}"
    r"(?:see|view|help|assist|provide|describe|determine|process|comply|identify|watch|access|have)|as an ai\b|"
    r"(?:language|ai) model\b|unable to (?:see|view|assist|describe|provide|process)|cannot (?:assist|comply)|"
    r"no (?:image|video|picture|caption)s? (?:was|were|is|are|has been|have been)? ?(?:provided|given|"
    r"attached|available)|"
    r"please (?:provide|upload|share) (?:the|an?|your|more)\b)",
    re.IGNORECASE,
)
# "Frame" and "picture" may be things in the scene; a text speaks of the medium only in one of these forms.
MEDIUM = re.compile(
    r"\b(?:the|this|these|that|an?|each|every)\s+(?:\w+\s+)?"
    r"(?:video|image|frame|picture|photo|photograph|clip|footage|still|screenshot|scene)s?\s+"
    r"(?:shows?|depicts?|displays?|features?|captures?|presents?|portrays?|illustrates?|begins?|starts?|opens?|ends?|"
    r"contains?|consists?|focus(?:es)?)\b|"
    r"\bin (?:the|this|these|each|every) (?:\w+ )?"
    r"(?:video|image|picture|photo|photograph|clip|footage|still|screenshot)s?\b|"
    r"\b(?:first|second|third|fourth|fifth|last|final|next|previous) (?:frame|image|picture|still|photo)s?\b|"
    r"\b(?:frame|image|still) (?:\d+|one|two|three)\b|\bthe (?:video|footage)\b",
    re.IGNORECASE,
)
LOOP_WORDS, LOOP_TIMES = 4, 3
LEAKED_WORDS = 7


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, for the record, and the correction that is sent to the model before it tries again."""

    reason: str
    correction: str


def find_fault(
    text: str,
    *,
    cut_off: bool = False,
    thinking_tokens: int = 0,
    notes: Sequence[str] = (),
    instructions: Sequence[str] = (),
) -> Fault | None:
    """The first fault in the form of a text; None if there is none.

    `cut_off`: the model reached its token limit. `thinking_tokens`: tokens that it spent on thinking. `notes`: the
    text that it worked on, whose repeated phrases do not count as a loop. `instructions`: prompt and examples, of
    which the text must not repeat a run of 7 words that no note holds.
    """
    if not text.strip() and thinking_tokens:
        reason = f"{thinking_tokens} tokens of thinking and no answer; raise model.max_new_tokens if it was cut off"
        return Fault(reason, "You only thought. Answer at once with the caption.")
    if not text.strip():
        return Fault("the model wrote nothing", "You wrote nothing. Answer with the caption.")
    if cut_off:
        return Fault("cut off at the token limit", "That was cut off. Write it again, at half the length.")
    if refusal := REFUSAL.search(text):
        return Fault(f"refusal: {refusal.group().strip()!r}", "Only say what can be seen, in plain words.")
    if preamble := PREAMBLE.match(text):
        return Fault(f"preamble: {preamble.group().strip()!r}", "Leave out the introduction: begin with the content.")
    if markup := MARKUP.search(text):
        return Fault(
            f"list or markup: {markup.group().strip()!r}", "Write one paragraph of plain prose, no list or markup."
        )
    if thinking := THINKING.search(text):
        return Fault(
            f"thinks aloud: {thinking.group().strip()!r}",
            "Answer with the caption alone, without what you think of it.",
        )
    if language := other_language(text):
        return Fault(f"not in English: {language}", "Write in English.")
    if loop := find_loop(text, notes):
        return Fault(f"repetition: {loop!r}", "You repeat yourself. Say each thing once.")
    if leak := _leak(text, notes, instructions):
        return Fault(f"repeats its instruction: {leak!r}", "Do not repeat the instruction or its examples.")
    if medium := MEDIUM.search(text):
        return Fault(
            f"speaks of the medium: {medium.group().strip()!r}",
            "Describe the scene itself: do not say video, frame, image, picture or clip.",
        )
    return None


def find_loop(text: str, notes: Sequence[str]) -> str | None:
    """A sentence that occurs twice, or a run of four words that occurs three times and more often than in the notes."""
    earlier: set[frozenset[str]] = set()
    for sentence in sentences(text):
        content = frozenset(content_words(sentence))
        if content and content in earlier and is_closed(sentence):
            return sentence
        earlier.add(content)
    # Captions of one shot share phrases, so a run is a loop only if it occurs more often than in the notes.
    given = Counter(run for note in notes for run in _runs(note, LOOP_WORDS))
    counts = Counter(_runs(text, LOOP_WORDS))
    return next((" ".join(run) for run, times in counts.items() if times >= LOOP_TIMES and times > given[run]), None)


def _leak(text: str, notes: Sequence[str], instructions: Sequence[str]) -> str | None:
    instructed = {run for instruction in instructions for run in _runs(instruction, LEAKED_WORDS)}
    noted = {run for note in notes for run in _runs(note, LEAKED_WORDS)}
    return next((" ".join(run) for run in _runs(text, LEAKED_WORDS) if run in instructed and run not in noted), None)


def _runs(text: str, length: int) -> list[tuple[str, ...]]:
    tokens = words(text)
    return [tuple(tokens[at : at + length]) for at in range(len(tokens) - length + 1)]


def main() -> None:
    """Print the fault of the text on the command line."""
    print(find_fault(" ".join(sys.argv[1:])))


if __name__ == "__main__":
    main()
