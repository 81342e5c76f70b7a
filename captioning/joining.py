"""Joins frame captions into one paragraph in time order, without repetitions.

The result is used when no model summarises or when a model's text is rejected, so it must read well by itself: a
sentence that nearly repeats an earlier one is left out, and later captions are linked with `Then`, `Next`, ...

    python -m captioning.joining "A cat sits." "A cat is sitting." "A dog runs."     # A cat sits. Then a dog runs.
"""

import sys
from collections.abc import Sequence

from captioning.words import content_words, is_closed, sentences, word_set

# Share of content words (Jaccard) from which two sentences count as the same. A changed fact changes one word in four.
SAME = 0.7
LINKS = ("Then", "Next", "After that")
# Only words that are lower-case inside a sentence may follow a link; before a name no link is put.
LOWERED = word_set(
    "a an the this these some two three four five six several many one another there in on at what something someone "
    "his her its their he she it they"
)


def distinct(captions: Sequence[str]) -> list[str]:
    """The captions in order, without sentences that repeat an earlier one; captions that are left empty are dropped."""
    earlier: list[tuple[str, frozenset[str]]] = []
    kept = []
    for caption in captions:
        fresh = []
        for sentence in sentences(caption):
            content = frozenset(content_words(sentence))
            if not any(_same(sentence, content, *other) for other in earlier):
                fresh.append(sentence)
                earlier.append((sentence, content))
        if fresh:
            kept.append(" ".join(fresh))
    return kept


def join(captions: Sequence[str]) -> str:
    """The captions as one paragraph in time order; empty if they are empty."""
    paragraphs: list[str] = []
    for caption in distinct(captions):
        closed = " ".join(_close(sentence) for sentence in sentences(caption))
        paragraphs.append(_link(closed, len(paragraphs)) if paragraphs else closed)
    return " ".join(paragraphs)


def _same(sentence: str, content: frozenset[str], other: str, other_content: frozenset[str]) -> bool:
    if not content or not other_content:
        return sentence.casefold() == other.casefold()
    return len(content & other_content) / len(content | other_content) >= SAME


def _close(sentence: str) -> str:
    return sentence if is_closed(sentence) else f"{sentence.rstrip(' ,;:-–—')}."


def _link(text: str, position: int) -> str:
    first = text.split()[0]
    if first.lower() not in LOWERED:
        return text
    return f"{LINKS[(position - 1) % len(LINKS)]} {first.lower()}{text[len(first) :]}"


def main() -> None:
    """Print the captions on the command line as one paragraph."""
    print(join(sys.argv[1:]))


if __name__ == "__main__":
    main()
