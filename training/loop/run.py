"""A training run from the first or the last step on: stages, and what happens after each step.

After a step: the average takes in the new weights, the step is written down, and, when it is time, held-out loss is
measured and a checkpoint is written. Killed at any moment, the same command goes on from the last checkpoint with the
numbers that it would have had.

    just train demo
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict

from torch import Tensor

from training.checkpoints.checkpoint import Checkpoints, RunState, optimizer_tensors
from training.checkpoints.folder import RunFolder
from training.config import StageConfig, TrainConfig
from training.loop.ema import MovingAverage
from training.loop.optimizer import choose_trained, group_rates
from training.loop.report import STEPS, Journal, StepReport, open_logs
from training.loop.steps import TrainingData
from training.loop.trainer import Done, Trainer
from training.loop.validation import Validation, levels, validate
from training.parallel import World

Show = Callable[[StepReport], None]


class Run:
    """Everything that one process holds of a run."""

    def __init__(
        self,
        config: TrainConfig,
        folder: RunFolder,
        trainer: Trainer,
        data: TrainingData,
        world: World,
        memory: Callable[[StageConfig], AbstractContextManager[None]],
    ) -> None:
        self.config, self.trainer, self._data, self._world, self._memory = config, trainer, data, world, memory
        self._folder = folder
        self.average = MovingAverage(trainer.method.model, config.ema.decay)
        self._trainable = [name for name, one in trainer.method.model.named_parameters() if one.requires_grad]
        self._checkpoints = Checkpoints(
            folder.checkpoints, world, config.checkpoint.keep, config.checkpoint.asynchronous
        )
        self._steps = Journal(folder.path / STEPS)
        self._lineage = Journal(folder.path / f"lineage-{world.rank}.jsonl")
        self._validations = Journal(folder.path / "validation.jsonl")
        self._logs = open_logs(config.loggers, folder.path) if world.is_first else []
        self.state = RunState(step=0, stage=0, stage_step=0, tensors=())
        self.last_validation: Validation | None = None

    def resume(self) -> int:
        """Take the last sound checkpoint, if there is one; returns the steps that are done."""
        found = self._checkpoints.latest()
        if found is not None:
            self.state, folder = found
            self._checkpoints.load(folder, self._tensors(self.state.tensors))
        if self._world.is_first:
            self._steps.go_back(self.state.step)
            self._validations.go_back(self.state.step + 1)
            for path in self._folder.path.glob("lineage-*.jsonl"):  # of processes that are no more, too
                Journal(path).go_back(self.state.step)
        self._world.wait()
        return self.state.step

    def train(self, show: Show, after_stage: Callable[[StageConfig], None]) -> None:
        """All stages from where the run stands, to the end."""
        for number in range(self.state.stage, len(self.config.stages)):
            stage = self.config.stages[number]
            choose_trained(self.trainer.method.model, stage.trains, self._trainable)
            group_rates(self.trainer.method.model, self.trainer.optimizer, stage.rates)
            self._train_stage(number, stage, show)
            self._checkpoints.complete()
            after_stage(stage)
        self._checkpoints.complete()
        for log in self._logs:
            log.close()

    def _train_stage(self, number: int, stage: StageConfig, show: Show) -> None:
        first = self.state.stage_step if number == self.state.stage else 0
        if first == stage.steps:
            return
        for stage_step, loaded in enumerate(self._data.steps(number, first), start=first):
            with self._memory(stage):
                done = self.trainer.step(loaded, stage, stage_step, self.state.step)
            self.average.update(self.state.step)
            self.state = RunState(step=self.state.step + 1, stage=number, stage_step=stage_step + 1, tensors=())
            self._write_down(done)
            self._checkpoints.poll()
            show(done.report)
            last = stage_step + 1 == stage.steps
            if last or self.state.step % self.config.validation.every == 0:
                self.validate(number)
            if last or self.state.step % self.config.checkpoint.every == 0:
                self.save()
            if last:
                return

    def validate(self, stage: int) -> Validation | None:
        """Held-out loss of the averaged weights at a stage's shapes; None if nothing is held out."""
        packs = self._data.validation_packs(stage)
        shapes = self._data.validation_shapes(stage)
        if not shapes:
            return None
        with self.average.in_place():
            found = validate(self.trainer.method, packs, shapes, levels(self.config.validation.quantiles), self._world)
        self.last_validation = found
        if self._world.is_first:
            cells = [[shape, timestep, *value] for (shape, timestep), value in found.cells.items()]
            self._validations.append(
                {"step": self.state.step, "stage": self.config.stages[stage].name, "loss": found.loss, "cells": cells}
            )
            scalars = {"loss": found.loss, **{f"t{level}": loss for level, loss in found.by_timestep().items()}}
            for log in self._logs:
                log.write(self.state.step, scalars, "validation")
        return found

    def save(self) -> None:
        """Write a checkpoint of this moment."""
        tensors = self._tensors(())
        state = RunState(**{**asdict(self.state), "tensors": tuple(tensors)})
        self._checkpoints.save(state, tensors)

    def _tensors(self, wanted: tuple[str, ...]) -> dict[str, Tensor]:
        """All tensors of the run by name: weights, moments, averages."""
        names: dict[Tensor, str] = {one: name for name, one in self.trainer.method.model.named_parameters()}
        return {
            **{f"model.{name}": weight.detach() for weight, name in names.items()},
            **{f"average.{name}": weight for name, weight in self.average.weights.items()},
            **optimizer_tensors(self.trainer.optimizer, names, wanted),
        }

    def _write_down(self, done: Done) -> None:
        step = done.report.step
        self._lineage.append({"step": step, "samples": [[*asdict(one).values()] for one in done.trained]})
        if self._world.is_first:
            self._steps.append(asdict(done.report))
            for log in self._logs:
                log.write(step, done.report.scalars(), "step")
