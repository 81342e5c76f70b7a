"""Chooses the caption that a sample trains with: short, medium, dense or none, drawn anew in every epoch.

The draw depends on the seed, the epoch and the sample's id alone, so it is the same at any number of ranks and after
any resume. A dropped caption (for classifier-free guidance) becomes the empty caption, which is encoded like any other.

    choice = CaptionChoice(shares={"short": 0.2, "dense": 0.8}, dropout=0.1, seed=0)
    caption = choice.choose({"short": "A cat.", "dense": "A grey cat sleeps."}, sample_id, epoch=0)
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.ids import digest


@dataclass(frozen=True, slots=True)
class CaptionChoice:
    """Probabilities of captions: `shares` by length (divided by their sum), and `dropout` for no caption."""

    shares: Mapping[str, float]
    dropout: float
    seed: int

    def choose(self, captions: Mapping[str, str], sample_id: str, epoch: int) -> str:
        """One of the sample's captions, or "" for none; if the drawn one is empty, the longest of the others."""
        if _draw("caption dropout", self.seed, epoch, sample_id) < self.dropout:
            return ""
        point = _draw("caption", self.seed, epoch, sample_id) * sum(self.shares.values())
        ends = itertools.accumulate(self.shares.values())
        name = next((name for name, end in zip(self.shares, ends, strict=True) if point < end), "")
        return captions.get(name) or max(captions.values(), key=len, default="")


def _draw(*key: object) -> float:
    """A number in [0, 1) that depends on the key alone."""
    return int(digest(*key), 16) / 2**64
