"""Maps a stage's step number to its packs, over as many epochs as it takes.

Step k is located by walking the epochs, each of which is planned by itself (plan.py) and cached until another is
requested. A resumed run requests its step and gets the same packs at any number of ranks.

    packs = StepPlan(selection, stage, seed=0).packs(step=17)
"""

from dataclasses import dataclass
from itertools import pairwise

from training.config import StageConfig
from training.data.plan import EpochPlan, plan_epoch
from training.data.planned import PlannedPack, PlannedSample
from training.data.selection import Selection, require_samples


@dataclass(frozen=True, slots=True)
class Position:
    """A step's epoch, and its number within the epoch."""

    epoch: int
    step: int


class StepPlan:
    """The packs of every step of a stage, for all ranks. Raises `ConfigError` if the selection is empty."""

    def __init__(self, selection: Selection, stage: StageConfig, seed: int) -> None:
        require_samples(selection, stage)
        self.selection, self.stage, self.seed = selection, stage, seed
        self._steps_of_epoch: list[int] = []
        self._current: tuple[int, EpochPlan] | None = None

    def epoch(self, number: int) -> EpochPlan:
        """The plan of one epoch; the last requested one is cached."""
        if self._current is None or self._current[0] != number:
            self._current = (number, plan_epoch(self.selection, self.stage, self.seed, number))
        return self._current[1]

    def position(self, step: int) -> Position:
        """The position of step `step` of the stage (from 0)."""
        epoch = 0
        while True:
            if epoch == len(self._steps_of_epoch):
                self._steps_of_epoch.append(self.epoch(epoch).steps)
            if step < self._steps_of_epoch[epoch]:
                return Position(epoch, step)
            step -= self._steps_of_epoch[epoch]
            epoch += 1

    def packs(self, step: int) -> tuple[PlannedPack, ...]:
        """The packs of a step, the same whatever the number of ranks."""
        position = self.position(step)
        plan = self.epoch(position.epoch)
        first, last = plan.step_starts[position.step : position.step + 2]
        starts = plan.packs.starts[first : last + 1]
        return tuple(
            PlannedPack(tuple(planned(self.selection, int(row), position.epoch) for row in plan.packs.items[start:end]))
            for start, end in pairwise(starts)
        )


def planned(selection: Selection, row: int, epoch: int = 0) -> PlannedSample:
    """The planned sample of an index row."""
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
