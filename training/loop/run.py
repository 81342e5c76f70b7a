"""A training run: its stages, and what happens after each step.

After a step the EMA is updated and the step is logged; at their intervals, the validation loss is measured and a
checkpoint is written. After a kill at any moment, the same command resumes from the last checkpoint with identical
numbers.

    run.resume()
    run.train(show, after_stage)
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
from training.loop.trainer import StepResult, Trainer
from training.loop.training_step import TrainingData
from training.loop.validation import Validation, levels, validate
from training.parallel import World

Show = Callable[[StepReport], None]


class Run:
    """The state of a run in one process."""

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
        self._trainable = [name for name, weight in trainer.method.model.named_parameters() if weight.requires_grad]
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
        """Load the last intact checkpoint, if there is one; returns the number of finished steps."""
        latest = self._checkpoints.latest()
        if latest is not None:
            self.state, folder = latest
            self._checkpoints.load(folder, self._tensors(self.state.tensors))
        if self._world.is_first:
            self._steps.go_back(self.state.step)
            self._validations.go_back(self.state.step + 1)
            for path in self._folder.path.glob("lineage-*.jsonl"):  # also of ranks that no longer exist
                Journal(path).go_back(self.state.step)
        self._world.wait()
        return self.state.step

    def train(self, show: Show, after_stage: Callable[[StageConfig], None]) -> None:
        """Train all remaining stages. `show` is called after each step, `after_stage` after each stage."""
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
                result = self.trainer.step(loaded, stage, stage_step, self.state.step)
            self.average.update(self.state.step)
            self.state = RunState(step=self.state.step + 1, stage=number, stage_step=stage_step + 1, tensors=())
            self._log(result)
            self._checkpoints.poll()
            show(result.report)
            last = stage_step + 1 == stage.steps
            if last or self.state.step % self.config.validation.every == 0:
                self.validate(number)
            if last or self.state.step % self.config.checkpoint.every == 0:
                self.save()
            if last:
                return

    def validate(self, stage: int) -> Validation | None:
        """Validation loss of the EMA weights at a stage's shapes; None if nothing is held out."""
        packs = self._data.validation_packs(stage)
        shapes = self._data.validation_shapes(stage)
        if not shapes:
            return None
        with self.average.in_place():
            validation = validate(
                self.trainer.method, packs, shapes, levels(self.config.validation.quantiles), self._world
            )
        self.last_validation = validation
        if self._world.is_first:
            cells = [[shape, timestep, *value] for (shape, timestep), value in validation.cells.items()]
            self._validations.append(
                {
                    "step": self.state.step,
                    "stage": self.config.stages[stage].name,
                    "loss": validation.loss,
                    "cells": cells,
                }
            )
            scalars = {
                "loss": validation.loss,
                **{f"t{level}": loss for level, loss in validation.by_timestep().items()},
            }
            for log in self._logs:
                log.write(self.state.step, scalars, "validation")
        return validation

    def save(self) -> None:
        """Write a checkpoint."""
        tensors = self._tensors(())
        state = RunState(**{**asdict(self.state), "tensors": tuple(tensors)})
        self._checkpoints.save(state, tensors)

    def _tensors(self, saved: tuple[str, ...]) -> dict[str, Tensor]:
        """All tensors of the run by name: weights, optimiser moments, EMA."""
        names: dict[Tensor, str] = {weight: name for name, weight in self.trainer.method.model.named_parameters()}
        return {
            **{f"model.{name}": weight.detach() for weight, name in names.items()},
            **{f"average.{name}": weight for name, weight in self.average.weights.items()},
            **optimizer_tensors(self.trainer.optimizer, names, saved),
        }

    def _log(self, result: StepResult) -> None:
        step = result.report.step
        self._lineage.append({"step": step, "samples": [[*asdict(sample).values()] for sample in result.trained]})
        if self._world.is_first:
            self._steps.append(asdict(result.report))
            for log in self._logs:
                log.write(step, result.report.scalars(), "step")
