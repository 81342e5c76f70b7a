"""Loss on held-out sources: for every bucket, at noise levels spread evenly, with noise that never changes.

One number per cell (bucket x noise level) makes steps of a run, and runs, comparable: a training loss is mostly the
luck of which timesteps were drawn. Beside it stands the best linear predictor at each level, which a model must beat
before it has learnt anything that a matrix does not know (`training.loop.baseline`).

    just train demo
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from training.data.batch import samples_of
from training.diffusion.places import Place
from training.diffusion.schedule import TIMESTEPS
from training.loop.steps import LoadedPack
from training.methods.base import Method
from training.parallel import World

Cell = tuple[str, int]
"""A shape and a timestep."""
Name = TypeVar("Name", int, str)


@dataclass(frozen=True, slots=True)
class Validation:
    """Mean loss and number of clips per cell."""

    cells: Mapping[Cell, tuple[float, int]]

    @property
    def loss(self) -> float:
        """Mean over all clips and levels."""
        total = sum(loss * count for loss, count in self.cells.values())
        return total / max(1, sum(count for _, count in self.cells.values()))

    def by_timestep(self) -> dict[int, float]:
        """Mean over buckets."""
        return _means((timestep, value) for (_, timestep), value in self.cells.items())

    def by_bucket(self) -> dict[str, float]:
        """Mean over noise levels."""
        return _means((bucket, value) for (bucket, _), value in self.cells.items())


def _means(values: Iterable[tuple[Name, tuple[float, int]]]) -> dict[Name, float]:
    """Means over clips, by name, in the order of first appearance."""
    sums: dict[Name, tuple[float, int]] = {}
    for name, (loss, count) in values:
        total, clips = sums.get(name, (0.0, 0))
        sums[name] = (total + loss * count, clips + count)
    return {name: total / clips for name, (total, clips) in sums.items()}


def levels(quantiles: int) -> tuple[int, ...]:
    """Timesteps in the middle of `quantiles` equal parts of all noise levels."""
    return tuple(int((number + 0.5) * TIMESTEPS / quantiles) for number in range(quantiles))


def validate(
    method: Method,
    packs: Iterable[LoadedPack | None],
    buckets: Sequence[str],
    timesteps: Sequence[int],
    world: World,
) -> Validation:
    """Losses of this process's `packs` at every timestep, summed over all processes.

    `buckets` names all shapes that may come. Every process has the same number of packs (None where others have more).
    """
    cells = [(bucket, timestep) for bucket in buckets for timestep in timesteps]
    places = {cell: place for place, cell in enumerate(cells)}
    sums = [0.0] * (2 * len(cells))
    with torch.no_grad():
        for pack in packs:
            for timestep in timesteps:
                if pack is None:
                    method.idle()
                    continue
                fixed = [_fixed(place) for place in pack.places]
                losses = method.losses_at(pack.batch, fixed, [timestep] * len(fixed))
                for sample, value in zip(samples_of(pack.batch), losses.values.tolist(), strict=True):
                    place = 2 * places[str(sample.shape), timestep]
                    sums[place] += value
                    sums[place + 1] += 1
    totals = world.sum(sums)
    found = zip(cells, totals[::2], totals[1::2], strict=True)
    return Validation({cell: (total / count, int(count)) for cell, total, count in found if count})


def _fixed(place: Place) -> Place:
    """The same place at every validation, so that the noise is too."""
    return Place(seed=0, step=-1, position=0, count=1, sample_id=place.sample_id)
