"""What the benchmark of explicit uniform sampling measures: spreads, and the interval of their ratio."""

from collections.abc import Sequence

import numpy as np
import torch

from tests.training.made_run import SIZES
from training.benchmarks.timesteps import measure, ratio_interval
from training.data.batch import Batch, PixelSample, samples_of
from training.data.shapes import ClipShape
from training.diffusion.random_keys import RandomKey
from training.diffusion.schedule import VelocitySchedule
from training.encoders.linear import open_linear
from training.encoders.minilm import MiniLM
from training.families.cogvideox import CogVideoXFamily
from training.methods.base import Losses
from training.methods.diffusion import DiffusionMethod
from training.models.cogvideox.model import CogVideoX


class Curve(DiffusionMethod):
    """A model whose loss is CogVideoX's table 9 (2408.06072), a function of the timestep alone."""

    def losses_at(self, batch: Batch, keys: Sequence[RandomKey], timesteps: Sequence[int]) -> Losses:
        losses = np.interp(timesteps, (100, 300, 500, 700, 900), (0.216, 0.126, 0.116, 0.129, 0.157))
        assert len(samples_of(batch)) == len(keys)
        return Losses(torch.from_numpy(losses), tuple(timesteps))


def test_on_the_papers_curve_the_spread_is_nearly_halved() -> None:
    shape = ClipShape(32, 32, 1, 0)
    pixels = np.zeros((1, 32, 32, 3), np.uint8)
    clips = [PixelSample(sample_id=str(n), clip_id=str(n), shape=shape, pixels=pixels, caption="") for n in range(9)]
    method = Curve(CogVideoX(SIZES), CogVideoXFamily(SIZES, VelocitySchedule(1.0)), open_linear(), MiniLM(5))
    independent, explicit = measure(method, clips, 8, 2000)
    assert independent.std() / explicit.std() >= 1.9
    low, high = ratio_interval(independent, explicit)
    assert low < independent.std() / explicit.std() < high
    assert high - low < 0.4
