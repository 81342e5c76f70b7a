"""Where in a run a sample stands, and the random numbers that belong to that place and to nothing else.

Noise, timesteps and the draw from the VAE's posterior depend on the seed, the optimiser step and the sample: not on the
rank that happens to compute them, nor on what was computed before. So a run resumes at any step and on any number of
processes with the numbers it would have had.

    python -m pytest tests/training/diffusion/test_places.py
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from schemas.ids import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A sample in a run: the run's seed, the optimiser step, and its place among the step's `count` samples."""

    seed: int
    step: int
    position: int
    count: int
    sample_id: str


def draw_normal(purpose: str, place: Place, shape: torch.Size | tuple[int, ...]) -> Tensor:
    """Normal numbers [shape], float32, on the CPU: the same on every machine for one purpose and place."""
    key = int(digest(purpose, place.seed, place.step, place.sample_id), 16) % 2**63
    return torch.randn(shape, generator=torch.Generator().manual_seed(key))
