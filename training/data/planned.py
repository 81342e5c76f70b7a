"""A sample and a pack as the plan names them: what a process needs to read them, and no more to import.

python -m pytest tests/training/data/test_steps.py
"""

from dataclasses import dataclass

from training.data.shapes import ClipShape


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSample:
    """One sample of a pack: where its bytes lie below `shards/`, what becomes of it, and the tokens of its segment.

    `epoch` is that of the stage; the choice of the caption hangs on it and on the id.
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
        """Tokens of all its segments."""
        return sum(sample.tokens for sample in self.samples)
