"""Estimates of what a run needs: memory per process, and disk space for checkpoints and for a latent cache.

Weights, gradients, moments and EMA are float32. Activations are counted per token and block, in multiples of the width,
by the family's estimate (`Sizes.activations_per_token`); with `model.checkpoint_blocks` 1 per block, plus those of the
block being recomputed.

    memory = estimate_memory(config, sizes, pack_length=25_000)
    print(memory.total)      # bytes
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training.config import StageConfig, TrainConfig
from training.data.selection import Selection
from training.doctor.findings import Finding, error, fact, warning
from training.families.base import Sizes
from training.latents.settings import CacheSettings

_GIGA = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes of memory of one process."""

    weights: float
    gradients: float
    moments: float
    average: float
    activations: float

    @property
    def total(self) -> float:
        """The sum."""
        return self.weights + self.gradients + self.moments + self.average + self.activations

    def __str__(self) -> str:
        parts = ("weights", "gradients", "moments", "average", "activations")
        listed = ", ".join(f"{name} {getattr(self, name) / _GIGA:.2f}" for name in parts)
        return f"{self.total / _GIGA:.2f} GB: {listed}"


def estimate_memory(config: TrainConfig, sizes: Sizes, pack_length: int, shards: int = 1) -> Memory:
    """Memory of one process that holds one of `shards` shards of the model, for packs of `pack_length` tokens."""
    weights = 4.0 * sizes.parameters / shards
    learning = weights if not config.model.lora.rank else 4.0 * _lora_parameters(config, sizes) / shards
    size = 4 if config.model.precision == "float32" else 2 + 2 * sizes.float32_share
    per_block = sizes.activations_per_token
    widths = sizes.layers + per_block if config.model.checkpoint_blocks else sizes.layers * per_block
    return Memory(
        weights=weights,
        gradients=learning,
        moments=2 * learning,
        average=learning if config.ema.decay else 0.0,
        activations=float(size * widths * sizes.width * pack_length),
    )


def check_memory(
    config: TrainConfig, sizes: Sizes, stages: Sequence[StageConfig], available: float, shards: int = 1
) -> Iterator[Finding]:
    """Compare the memory of the stage with the longest packs with the `available` bytes of a process."""
    stage = max(stages, key=lambda stage: stage.pack_length)
    memory = estimate_memory(config, sizes, stage.pack_length, shards)
    yield fact("memory", f"stage {stage.name}, about {memory}; {available / _GIGA:.1f} GB are available")
    if memory.total <= available:
        return
    fixed = memory.total - memory.activations
    if fixed < available:
        fits = int(stage.pack_length * (available - fixed) / memory.activations)
        advice = f"set stages.{stage.name}.pack_length to {fits} or less"
        if not config.model.checkpoint_blocks:
            advice += ", or model.checkpoint_blocks=true"
    else:
        advice = f"train on at least {int(-(-fixed * shards // available))} processes"
        if not config.model.lora.rank:
            advice += ", or adapters (model.lora.rank=128)"
    yield error(
        "memory",
        f"stage {stage.name} needs about {memory.total / _GIGA:.1f} GB, {available / _GIGA:.1f} GB are available; "
        f"{advice}",
    )


def check_disk(
    config: TrainConfig, sizes: Sizes, selections: Sequence[Selection], settings: CacheSettings, free: float
) -> Iterator[Finding]:
    """Compare the size of the checkpoints with `free` bytes, and report the size of a latent cache of all stages."""
    memory = estimate_memory(config, sizes, 0)
    checkpoint = memory.weights + memory.moments + memory.average
    kept = checkpoint * (config.checkpoint.keep + 1)
    yield fact(
        "disk",
        f"checkpoints {checkpoint / _GIGA:.2f} GB each, {kept / _GIGA:.2f} GB at most; {free / _GIGA:.1f} GB free",
    )
    if kept > free:
        yield warning(
            "disk", f"checkpoints need {kept / _GIGA:.1f} GB, {free / _GIGA:.1f} GB are free; lower checkpoint.keep or "
            "choose another --out",
        )  # fmt: skip
    if not config.data.latents:
        size = sum(_cache_size(selection, settings) for selection in selections)
        yield fact("disk", f"a latent cache of all stages (`just encode`) takes about {size / _GIGA:.2f} GB in float32")


def _cache_size(selection: Selection, settings: CacheSettings) -> float:
    codes, counts = np.unique(selection.index.bucket[selection.rows], return_counts=True)
    moments = sum(
        int(count) * 2 * 4 * float(np.prod(settings.latent_shape(selection.shapes[code])))
        for code, count in zip(codes, counts, strict=True)
    )
    return moments + 3 * 4.0 * settings.text_width * settings.text_length * len(selection)


def _lora_parameters(config: TrainConfig, sizes: Sizes) -> int:
    """For square target layers; those of the feed-forward layers have 2.5 times as many."""
    return len(config.model.lora.targets) * sizes.layers * 2 * sizes.width * config.model.lora.rank
