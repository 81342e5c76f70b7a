"""The steps of a stage: step number to packs, over as many epochs as it takes.

Step k is found by walking the epochs, each of which is planned by itself (plan.py) and kept until the next is asked
for. A run that resumes asks for its step and gets the same packs at any number of ranks; `steps_of_epochs`
spares who has kept it from planning the epochs before again, and changes nothing else.

    python -m pytest tests/training/data/test_steps.py
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from training.config import StageConfig
from training.data.plan import EpochPlan, plan_epoch
from training.data.planned import PlannedPack, PlannedSample
from training.data.selection import Selection, require_samples


@dataclass(frozen=True, slots=True)
class Position:
    """Where a step lies: its epoch, and its place in that."""

    epoch: int
    step: int


class StepPlan:
    """The packs of every step of a stage, for all ranks. Raises `ConfigError` if nothing is left to train."""

    def __init__(
        self, selection: Selection, stage: StageConfig, seed: int, steps_of_epochs: Sequence[int] = ()
    ) -> None:
        require_samples(selection, stage)
        self.selection, self.stage, self.seed = selection, stage, seed
        self._lengths = list(steps_of_epochs)
        self._current: tuple[int, EpochPlan] | None = None

    @property
    def steps_of_epochs(self) -> tuple[int, ...]:
        """How many steps each epoch has, as far as they were planned."""
        return tuple(self._lengths)

    def epoch(self, number: int) -> EpochPlan:
        """The plan of one epoch; the last one asked for is kept."""
        if self._current is None or self._current[0] != number:
            self._current = (number, plan_epoch(self.selection, self.stage, self.seed, number))
        return self._current[1]

    def position(self, step: int) -> Position:
        """Where step `step` of the stage lies (from 0)."""
        epoch = 0
        while True:
            if epoch == len(self._lengths):
                self._lengths.append(self.epoch(epoch).steps)
            if step < self._lengths[epoch]:
                return Position(epoch, step)
            step -= self._lengths[epoch]
            epoch += 1

    def packs(self, step: int) -> tuple[PlannedPack, ...]:
        """The packs of a step, the same whatever the number of ranks."""
        position = self.position(step)
        plan = self.epoch(position.epoch)
        first, last = plan.step_starts[position.step : position.step + 2]
        starts = plan.packs.starts[first : last + 1]
        return tuple(
            PlannedPack(tuple(self._sample(int(row), position.epoch) for row in plan.packs.items[start:end]))
            for start, end in pairwise(starts)
        )

    def _sample(self, row: int, epoch: int) -> PlannedSample:
        return planned(self.selection, row, epoch)


def planned(selection: Selection, row: int, epoch: int = 0) -> PlannedSample:
    """A row of the index as the selection trains it."""
    index = selection.index
    bucket = index.bucket[row]
    return PlannedSample(
        sample_id=index.sample_ids[row].as_py(),
        clip_id=index.clip_ids[row].as_py(),
        shape=selection.shapes[bucket],
        tokens=int(selection.lengths[bucket]),
        shard=index.shards[int(index.shard[row])].as_py(),
        offset=int(index.offset[row]),
        size=int(index.size[row]),
        epoch=epoch,
    )
