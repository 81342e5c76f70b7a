"""Training pairs of a student, a sample's inputs and the teacher's caption, split by source video.

Samples of one video resemble each other, so a video is either trained on or held out, never both. A hash of its id
decides, so that a growing dataset moves no video from one side to the other.

    learned, held_out = split_by_source(pairs, share=0.1)
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from captioning.chat import EncodedImage
from schemas.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One sample: its id, its source's id, its frame captions in time order, and the teacher's summary of them."""

    sample_id: str
    source: str
    captions: tuple[str, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePair:
    """One sample: its id, its source's id, its stills in time order, and its dense caption."""

    sample_id: str
    source: str
    images: tuple[EncodedImage, ...]
    caption: str


SomePair = TypeVar("SomePair", Pair, ImagePair)


def split_by_source(pairs: Sequence[SomePair], share: float, seed: int = 0) -> tuple[list[SomePair], list[SomePair]]:
    """Split into (training, held out): about `share` of the sources are held out, at least one and never all.

    Raises `InputError` if all pairs come from one source: learning could not be distinguished from memorising.
    """
    order = sorted({pair.source for pair in pairs}, key=lambda source: _draw(source, seed))
    if len(order) < 2:
        raise InputError(f"the pairs come from {len(order)} source video(s); at least 2 are needed to hold one out")
    below = [source for source in order if _draw(source, seed) < share]
    held_out = set(below or order[:1]) if len(below) < len(order) else set(order[:-1])
    learned = [pair for pair in pairs if pair.source not in held_out]
    return learned, [pair for pair in pairs if pair.source in held_out]


def _draw(source: str, seed: int) -> float:
    """A pseudo-random number from 0 to 1 that depends on the source and the seed alone."""
    hashed = hashlib.blake2b(f"{seed} {source}".encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "big") / 2**64
