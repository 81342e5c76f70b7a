"""What the loop is fed: optimiser steps, each with the packs of this process and the places of their samples.

python -m pytest tests/training/loop/test_run.py
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from training.data.batch import Batch
from training.diffusion.places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPack:
    """A pack of this process: samples, where each stands, and its length in tokens with each segment's own."""

    batch: Batch
    places: tuple[Place, ...]
    lengths: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedStep:
    """One optimiser step: this process's packs, and what the whole step holds over all processes.

    `packs` has the same number of entries on every process: None stands where others have one more.
    `fill` is the share of the step's pack length that samples take. `waited` are the seconds that loading took.
    """

    epoch: int
    packs: tuple[LoadedPack | None, ...]
    samples: int
    tokens: int
    fill: float
    waited: float
    skipped: tuple[str, ...] = ()


class StepSource(Protocol):
    """Gives the steps of a stage from any of them on."""

    def steps(self, stage: int, first: int) -> Iterator[LoadedStep]:
        """Steps `first` (of the stage, from 0) and after it, without end; the loop stops at the stage's last one."""
        ...


class TrainingData(StepSource, Protocol):
    """A stage's steps, and the held-out clips that it is validated on."""

    def validation_packs(self, stage: int) -> Iterable[LoadedPack | None]:
        """This process's packs of held-out clips at the stage's shapes; as many entries on every process."""
        ...

    def validation_shapes(self, stage: int) -> list[str]:
        """All shapes among them."""
        ...
