"""Random keys of samples: noise, timesteps and posterior samples depend on seed, step and sample alone.

They depend neither on the rank that computes them nor on what was computed before, so a run resumes at any step and on
any number of processes with the same random numbers.

    key = RandomKey(seed=0, step=17, position=3, count=8, sample_id="48634090d882bf6a-0-0")
    noise = draw_normal("noise", key, latents.shape)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from schemas.ids import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomKey:
    """A sample in a run: the run's seed, the optimiser step, and its position among the step's `count` samples."""

    seed: int
    step: int
    position: int
    count: int
    sample_id: str


def draw_normal(purpose: str, key: RandomKey, shape: torch.Size | tuple[int, ...]) -> Tensor:
    """Standard normal numbers of `shape`, float32, on the CPU: the same on every machine for one purpose and key.

    `key.position` and `key.count` have no effect.
    """
    seed = int(digest(purpose, key.seed, key.step, key.sample_id), 16) % 2**63
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
