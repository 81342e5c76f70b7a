"""What a student learns from: a sample's frame captions and what the teacher made of them, split by source video.

Samples of one film resemble each other, so a film is either learned from or judged by, never both; which of the two is
told by a hash of its id, so that a dataset that grows moves none from one side to the other.

    python -m pytest tests/captioning/distill
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from captioning.chat import EncodedImage
from schemas.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One sample: its id and its source's, its frame captions in time order, and the teacher's summary of them."""

    sample_id: str
    source: str
    captions: tuple[str, ...]
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePair:
    """One sample: its id and its source's, its stills in time order, and the dense caption that was made of them."""

    sample_id: str
    source: str
    images: tuple[EncodedImage, ...]
    caption: str


SomePair = TypeVar("SomePair", Pair, ImagePair)


def split_by_source(pairs: Sequence[SomePair], share: float, seed: int = 0) -> tuple[list[SomePair], list[SomePair]]:
    """Return (to learn from, held out): about `share` of the sources are held out, at least one and never all.

    Raises `InputError` if all pairs come from one source: then nothing could tell learning from memorising.
    """
    order = sorted({pair.source for pair in pairs}, key=lambda source: _draw(source, seed))
    if len(order) < 2:
        raise InputError(f"the pairs come from {len(order)} source video(s); at least 2 are needed to hold one out")
    below = [source for source in order if _draw(source, seed) < share]
    held_out = set(below or order[:1]) if len(below) < len(order) else set(order[:-1])
    learned = [pair for pair in pairs if pair.source not in held_out]
    return learned, [pair for pair in pairs if pair.source in held_out]


def _draw(source: str, seed: int) -> float:
    """A number from 0 to 1 that belongs to this source."""
    hashed = hashlib.blake2b(f"{seed} {source}".encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "big") / 2**64
