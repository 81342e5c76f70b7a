"""The interface between the loop and a training objective: losses of a pack, and their FLOPs.

losses = method.losses(batch, keys)
losses.values.mean().backward()
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from training.data.batch import Batch
from training.diffusion.random_keys import RandomKey


@dataclass(frozen=True, slots=True)
class Losses:
    """One loss per sample of a pack, `values` [samples] float32, and the timestep (0 to 999) of each sample."""

    values: Tensor
    timesteps: tuple[int, ...]


class Method(Protocol):
    """A training objective of one model."""

    model: nn.Module

    def blocks(self) -> Sequence[nn.Module]:
        """The model's repeated blocks, in order; each is sharded and recomputed as a unit."""
        ...

    def losses(self, batch: Batch, keys: Sequence[RandomKey]) -> Losses:
        """Losses of a pack, with gradients. `keys` has one random key per sample of the pack."""
        ...

    def losses_at(self, batch: Batch, keys: Sequence[RandomKey], timesteps: Sequence[int]) -> Losses:
        """Losses at given timesteps, one per sample, for validation."""
        ...

    def idle(self) -> Tensor:
        """A scalar loss of 0 from the smallest possible pack, for a rank without a pack in a micro-step."""
        ...

    def flops(self, lengths: Sequence[int]) -> float:
        """FLOPs of a forward and a backward pass over segments of `lengths` tokens."""
        ...
