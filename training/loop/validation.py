"""Validation loss: on held-out sources, for every bucket, at evenly spaced timesteps, with fixed noise.

A loss per cell (bucket x timestep) makes the steps of a run, and runs, comparable; a training loss mostly depends on
which timesteps were drawn. The best linear predictor's loss is the baseline (`training.loop.baseline`).

    validation = validate(method, packs, shapes, levels(5), world)
    print(validation.loss, validation.by_timestep())
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from training.data.batch import samples_of
from training.diffusion.random_keys import RandomKey
from training.diffusion.schedule import TIMESTEPS
from training.loop.training_step import TrainingPack
from training.methods.base import Method
from training.parallel import World

Cell = tuple[str, int]
"""A shape and a timestep."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Mean loss and number of clips per cell."""

    cells: Mapping[Cell, tuple[float, int]]

    @property
    def loss(self) -> float:
        """Mean over all clips and timesteps."""
        total = sum(loss * count for loss, count in self.cells.values())
        return total / max(1, sum(count for _, count in self.cells.values()))

    def by_timestep(self) -> dict[int, float]:
        """Mean over all clips at each timestep."""
        sums: dict[int, tuple[float, int]] = {}
        for (_, timestep), (loss, count) in self.cells.items():
            total, clips = sums.get(timestep, (0.0, 0))
            sums[timestep] = (total + loss * count, clips + count)
        return {timestep: total / clips for timestep, (total, clips) in sums.items()}


def levels(quantiles: int) -> tuple[int, ...]:
    """Timesteps in the middle of `quantiles` equal intervals of 0 to 999."""
    return tuple(int((number + 0.5) * TIMESTEPS / quantiles) for number in range(quantiles))


def validate(
    method: Method,
    packs: Iterable[TrainingPack | None],
    buckets: Sequence[str],
    timesteps: Sequence[int],
    world: World,
) -> Validation:
    """Losses of this process's `packs` at every timestep, summed over all processes.

    `buckets` are all shapes that may occur. Every process has the same number of packs (None where others have more).
    """
    cells = [(bucket, timestep) for bucket in buckets for timestep in timesteps]
    positions = {cell: position for position, cell in enumerate(cells)}
    sums = [0.0] * (2 * len(cells))
    with torch.no_grad():
        for pack in packs:
            for timestep in timesteps:
                if pack is None:
                    method.idle()
                    continue
                fixed = [_fixed(key) for key in pack.keys]
                losses = method.losses_at(pack.batch, fixed, [timestep] * len(fixed))
                for sample, value in zip(samples_of(pack.batch), losses.values.tolist(), strict=True):
                    start = 2 * positions[str(sample.shape), timestep]
                    sums[start] += value
                    sums[start + 1] += 1
    totals = world.sum(sums)
    totals_of_cells = zip(cells, totals[::2], totals[1::2], strict=True)
    return Validation({cell: (total / count, int(count)) for cell, total, count in totals_of_cells if count})


def _fixed(key: RandomKey) -> RandomKey:
    """The same key at every validation, so that the noise is the same."""
    return RandomKey(seed=0, step=-1, position=0, count=1, sample_id=key.sample_id)
