"""Planned samples and packs: what a worker process needs to read them, with few imports.

pack = PlannedPack((PlannedSample(sample_id="a", clip_id="b", shape=shape, tokens=586, shard="s.tar", ...),))
"""

from dataclasses import dataclass

from training.data.shapes import ClipShape


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSample:
    """A sample of a pack: the location of its bytes below `shards/`, its shape, and the tokens of its segment.

    `epoch` is the stage's; the choice of the caption depends on it and on the id.
    """

    sample_id: str
    clip_id: str
    shape: ClipShape
    tokens: int
    shard: str
    offset: int
    size: int
    epoch: int


@dataclass(frozen=True, slots=True)
class PlannedPack:
    """Samples whose segments form one sequence."""

    samples: tuple[PlannedSample, ...]

    @property
    def tokens(self) -> int:
        """Total tokens of its segments."""
        return sum(sample.tokens for sample in self.samples)
