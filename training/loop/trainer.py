"""The optimiser step. It knows nothing of diffusion, video or files.

A step accumulates the gradients of its packs, divides by the samples of the whole step, clips, and updates, so neither
the number of processes nor the distribution of packs over them changes the result. Everything else (EMA, validation,
checkpoints, logs) happens in `run` after the step.

    result = trainer.step(step, stage, stage_step=0, step=0)
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from training.config import OptimizerConfig, StageConfig
from training.data.batch import samples_of
from training.loop.guard import Trained
from training.loop.optimizer import clip, learning_rate, set_learning_rate
from training.loop.report import StepReport
from training.loop.training_step import TrainingPack, TrainingStep
from training.methods.base import Method
from training.parallel import World


@dataclass(frozen=True, slots=True)
class StepResult:
    """A finished step: its report, and this process's samples with their losses."""

    report: StepReport
    trained: tuple[Trained, ...]


class Trainer:
    """Model, method and optimiser of one process. `peak_flops` is the device's peak, None if unknown."""

    def __init__(
        self,
        method: Method,
        optimizer: torch.optim.Optimizer,
        config: OptimizerConfig,
        world: World,
        watch: Callable[[int, float, float, Sequence[Trained]], None],
        peak_flops: float | None = None,
    ) -> None:
        self.method, self.optimizer = method, optimizer
        self._config, self._world, self._watch, self._peak = config, world, watch, peak_flops

    def step(self, loaded: TrainingStep, stage: StageConfig, stage_step: int, step: int) -> StepResult:
        """Take one optimiser step. `watch` may raise before the weights change."""
        started = time.perf_counter()
        rate = learning_rate(self._config, stage, stage_step)
        set_learning_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        trained = [sample for pack in loaded.packs for sample in self._accumulate(pack, loaded.samples)]
        norm = clip(self.method.model, self._config.clip)
        skipped, total, flops = self._world.sum(
            [len(loaded.skipped), sum(sample.loss for sample in trained), self._flops(loaded.packs)]
        )
        loss = total / max(1.0, loaded.samples - skipped)
        self._watch(step, loss, norm, trained)
        self.optimizer.step()
        seconds = time.perf_counter() - started + loaded.waited
        report = StepReport(
            step=step,
            stage=stage.name,
            epoch=loaded.epoch,
            loss=loss,
            gradient_norm=norm,
            learning_rate=rate,
            samples=loaded.samples,
            tokens=loaded.tokens,
            fill=loaded.fill,
            seconds=seconds,
            tokens_per_second=loaded.tokens / seconds,
            waiting=loaded.waited / seconds,
            skipped=int(skipped),
            memory_gigabytes=self._memory(),
            mfu=flops / seconds / (self._peak * self._world.size) if self._peak else None,
        )
        return StepResult(report, tuple(trained))

    def _accumulate(self, pack: TrainingPack | None, samples: int) -> list[Trained]:
        """Add a pack's gradient; each sample has weight 1 / `samples`, on whichever process it is."""
        if pack is None or not pack.keys:
            self.method.idle().backward()  # type: ignore[no-untyped-call]
            return []
        losses = self.method.losses(pack.batch, pack.keys)
        # Sharded gradients are averaged over processes; multiplying by their number gives the sum.
        (losses.values.sum() * (self._world.size / samples)).backward()  # type: ignore[no-untyped-call]
        values = losses.values.detach().tolist()
        return [
            Trained(sample_id=sample.sample_id, clip_id=sample.clip_id, timestep=timestep, loss=value)
            for sample, timestep, value in zip(samples_of(pack.batch), losses.timesteps, values, strict=True)
        ]

    def _flops(self, packs: Sequence[TrainingPack | None]) -> float:
        return sum(self.method.flops(pack.lengths) for pack in packs if pack is not None)

    def _memory(self) -> float:
        if self._world.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._world.device) / 2**30
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096 / 2**30
