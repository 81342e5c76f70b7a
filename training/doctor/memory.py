"""Advice, with numbers, when memory runs out in the middle of a run.

with memory_errors(config, stage, sizes, shards):
    trainer.step(...)
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from schemas.errors import TrainingError
from training.config import StageConfig, TrainConfig
from training.doctor.cost import estimate_memory
from training.families.base import Sizes

_CPU_ALLOCATOR = "can't allocate memory"
_GIGA = 2**30
# The estimate was too low already, so the advice leaves a margin.
_SHORTER = 0.8


@contextmanager
def memory_errors(config: TrainConfig, stage: StageConfig, sizes: Sizes, shards: int) -> Iterator[None]:
    """Turn an out-of-memory error into a `TrainingError` with advice on what would fit."""
    try:
        yield
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not isinstance(error, torch.OutOfMemoryError) and _CPU_ALLOCATOR not in str(error):
            raise
        raise TrainingError(advise(config, stage, sizes, shards)) from error


def advise(config: TrainConfig, stage: StageConfig, sizes: Sizes, shards: int) -> str:
    """The message: one line per remedy, the cheapest first."""
    needed = estimate_memory(config, sizes, stage.pack_length, shards)
    shorter = int(stage.pack_length * _SHORTER)
    lines = [f"memory ran out in stage {stage.name}, with packs of {stage.pack_length} tokens (estimate: {needed})"]
    if not config.model.checkpoint_blocks:
        changed = config.model_copy(update={"model": config.model.model_copy(update={"checkpoint_blocks": True})})
        saved = needed.activations - estimate_memory(changed, sizes, stage.pack_length, shards).activations
        lines.append(f"  model.checkpoint_blocks=true saves about {saved / _GIGA:.1f} GB for a third more work")
    saved = needed.activations * (1 - _SHORTER)
    lines.append(f"  stages.{stage.name}.pack_length={shorter} saves about {saved / _GIGA:.1f} GB")
    if config.model.precision == "float32":
        lines.append(f"  model.precision=bfloat16 saves about {needed.activations / 2 / _GIGA:.1f} GB")
    fixed = needed.total - needed.activations
    lines.append(f"  twice the processes (torchrun --nproc-per-node) saves about {fixed / 2 / _GIGA:.1f} GB in each")
    return "\n".join([
        *lines,
        "then run the same command: settings that do not affect the results resume the run, others need a new --out",
    ])  # fmt: skip
