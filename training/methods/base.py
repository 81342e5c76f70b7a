"""What the loop asks of a method (CogVideoX, Latte, Tune-A-Video): losses of a pack, and what they cost.

just train <dataset>
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from training.data.batch import Batch
from training.diffusion.places import Place


@dataclass(frozen=True, slots=True)
class Losses:
    """One loss per sample of a pack, [samples], and the noise level (timestep) that each was trained at."""

    values: Tensor
    timesteps: tuple[int, ...]


class Method(Protocol):
    """One way to train one model. `blocks` are the parts that are sharded and recomputed one by one."""

    model: nn.Module

    def blocks(self) -> Sequence[nn.Module]:
        """The model's repeated parts, in order."""
        ...

    def losses(self, batch: Batch, places: Sequence[Place]) -> Losses:
        """Losses of a pack, with gradients. `places` says where each of its samples stands in the run."""
        ...

    def losses_at(self, batch: Batch, places: Sequence[Place], timesteps: Sequence[int]) -> Losses:
        """The same at given timesteps, for validation."""
        ...

    def idle(self) -> Tensor:
        """A loss of 0 from the smallest possible pack, for a rank that has no pack while others have one."""
        ...

    def flops(self, lengths: Sequence[int]) -> float:
        """Floating-point operations of a forward and backward pass over segments of these lengths."""
        ...
