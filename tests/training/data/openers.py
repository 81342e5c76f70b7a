"""Openers of samples that go wrong, at a place where worker processes can import them.

from tests.training.data.openers import Faulty
"""

import os
import time
from dataclasses import dataclass

import numpy as np

from schemas.errors import MediaError
from training.data.batch import LatentSample, PixelSample
from training.data.planned import PlannedSample


@dataclass(frozen=True)
class Faulty:
    """Gray frames of brightness `size`, except for the samples named: damaged, surprising, hung, deadly."""

    damaged: tuple[str, ...] = ()
    surprising: tuple[str, ...] = ()
    hung: tuple[str, ...] = ()
    deadly: tuple[str, ...] = ()

    def __call__(self, planned: PlannedSample) -> PixelSample:
        name, shape = planned.sample_id, planned.shape
        if name in self.damaged:
            raise MediaError("its video cannot be decoded")
        if name in self.surprising:
            raise ValueError("a library's own error")
        if name in self.hung:
            time.sleep(60)
        if name in self.deadly:
            os.abort()
        pixels = np.full((shape.frames, shape.height, shape.width, 3), planned.size, np.uint8)
        return PixelSample(
            sample_id=name, clip_id=planned.clip_id, shape=shape, pixels=pixels, caption=f"epoch {planned.epoch}"
        )


@dataclass
class Once:
    """Reads every sample, but the one named only the first time."""

    name: str
    seen: bool = False

    def __call__(self, planned: PlannedSample) -> PixelSample:
        if planned.sample_id == self.name and self.seen:
            raise MediaError("cannot be read again")
        self.seen = self.seen or planned.sample_id == self.name
        return Faulty()(planned)


def latent(planned: PlannedSample) -> LatentSample:
    """Latents whose mean is the sample's size."""
    import torch

    mean = torch.full((2, 4, 3, 3), float(planned.size))
    return LatentSample(
        sample_id=planned.sample_id,
        clip_id=planned.clip_id,
        shape=planned.shape,
        mean=mean,
        std=torch.ones_like(mean),
        text=torch.zeros(5, 8),
    )
