"""The loop's input: optimiser steps, each with this process's packs and the random keys of their samples.

for step in source.steps(stage=0, first=0):
    trainer.step(step, stage, stage_step, run_step)
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from training.data.batch import Batch
from training.diffusion.random_keys import RandomKey


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPack:
    """A pack of this process: its samples, and one random key and one segment length in tokens per sample."""

    batch: Batch
    keys: tuple[RandomKey, ...]
    lengths: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStep:
    """One optimiser step: this process's packs, and totals over all processes.

    `packs` has the same number of entries on every process, with None where this one has no pack. `samples` and
    `tokens` are totals; `fill` is the fraction of the packs' length that holds tokens. `waited` are the seconds spent
    waiting for data. `skipped` are the ids of unreadable samples.
    """

    epoch: int
    packs: tuple[TrainingPack | None, ...]
    samples: int
    tokens: int
    fill: float
    waited: float
    skipped: tuple[str, ...] = ()


class StepSource(Protocol):
    """Yields the steps of a stage, from any step on."""

    def steps(self, stage: int, first: int) -> Iterator[TrainingStep]:
        """Steps of a stage from `first` (counted from 0), without end; the loop stops at the stage's last step."""
        ...


class TrainingData(StepSource, Protocol):
    """A stage's steps, and its held-out clips for validation."""

    def validation_packs(self, stage: int) -> Iterable[TrainingPack | None]:
        """This process's packs of held-out clips at the stage's shapes; the same number of entries on every process."""
        ...

    def validation_shapes(self, stage: int) -> list[str]:
        """All shapes of the held-out clips."""
        ...
