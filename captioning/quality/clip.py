"""A captioned sample as the checks read it: the record, with its texts split into words once.

Clip(record).content      # stem -> word, of the dense caption
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from captioning.quality.records import CaptionRecord
from captioning.words import content_words, sentences, words


@dataclass(frozen=True)
class Clip:
    """A record with its dense caption and its frame captions split into words (cached)."""

    record: CaptionRecord

    @property
    def key(self) -> str:
        """The sample's id."""
        return self.record.sample_id

    @cached_property
    def text(self) -> str:
        """The dense caption, white space collapsed."""
        return " ".join(self.record.dense.split())

    @cached_property
    def words(self) -> list[str]:
        """All words of the caption, lower-cased."""
        return words(self.text)

    @cached_property
    def content(self) -> dict[str, str]:
        """The caption's content words: stem -> word."""
        return content_words(self.text)

    @cached_property
    def sentences(self) -> list[str]:
        """The caption's sentences."""
        return sentences(self.text)

    @cached_property
    def frame_texts(self) -> tuple[str, ...]:
        """The frame captions that are not empty, in time order."""
        ordered = sorted(self.record.frames, key=lambda frame: frame.time)
        return tuple(frame.text for frame in ordered if frame.text.strip())

    @cached_property
    def frame_contents(self) -> tuple[frozenset[str], ...]:
        """The stems of the content words of each frame caption."""
        return tuple(frozenset(content_words(text)) for text in self.frame_texts)

    @cached_property
    def evidence(self) -> dict[str, str]:
        """The content words of the frame captions and the overview: stem -> word."""
        return content_words(" ".join((*self.frame_texts, self.record.overview)))


def runs(tokens: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    """All runs of `length` consecutive words (n-grams), in order."""
    return (tuple(tokens[at : at + length]) for at in range(len(tokens) - length + 1))
