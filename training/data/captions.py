"""Which caption a sample trains with: short, medium, dense or none, drawn anew in every epoch.

The draw hangs on the seed, the epoch and the sample's id alone, so it is the same at any number of ranks and after any
resume. Without a caption (for classifier-free guidance) is not without a text: the empty caption is encoded as well.

    python -m pytest tests/training/data/test_captions.py
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.ids import digest


@dataclass(frozen=True, slots=True)
class CaptionChoice:
    """How captions are drawn: `shares` by length, and the share that goes without (`dropout`)."""

    shares: Mapping[str, float]
    dropout: float
    seed: int

    def choose(self, captions: Mapping[str, str], sample_id: str, epoch: int) -> str:
        """One of the sample's captions, or none; where the drawn one is empty, the longest that is not."""
        if _draw("caption dropout", self.seed, epoch, sample_id) < self.dropout:
            return ""
        place = _draw("caption", self.seed, epoch, sample_id) * sum(self.shares.values())
        ends = itertools.accumulate(self.shares.values())
        name = next((name for name, end in zip(self.shares, ends, strict=True) if place < end), "")
        return captions.get(name) or max(captions.values(), key=len, default="")


def _draw(*key: object) -> float:
    """A number in [0, 1) that hangs on the key alone."""
    return int(digest(*key), 16) / 2**64
