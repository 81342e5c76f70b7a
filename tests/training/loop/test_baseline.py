"""The linear predictor is the best one: no other matrix does better on the data it was fitted on."""

import torch

from tests.training.made_run import SIZES, NoCodec, NoText, made_pack, made_sample
from training.diffusion.schedule import VelocitySchedule
from training.families.cogvideox import CogVideoXFamily
from training.loop.baseline import fit_linear
from training.methods.diffusion import DiffusionMethod
from training.models.segment import Segment

SCHEDULE = VelocitySchedule(1.0)


def correlated(number: int) -> torch.Tensor:
    """Latents [3, 2, 4, 4] whose channels and neighbours depend on one another."""
    base = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(number), dtype=torch.float64)
    return torch.cat([base + 1.0, 0.5 * base.roll(1, -1) - 2.0], dim=1)


def test_its_error_is_that_of_least_squares_on_many_draws() -> None:
    clips = [correlated(number) for number in range(200)]
    model = fit_linear(clips, SCHEDULE, 2, 1)
    generator = torch.Generator().manual_seed(9)
    for timestep in (100, 500, 900):
        mixed, wanted, predicted = [], [], []
        for clip in clips:
            noise = torch.randn(clip.shape, generator=generator, dtype=torch.float64)
            noisy = SCHEDULE.add_noise(clip, noise, timestep)
            mixed.append(noisy)
            wanted.append(SCHEDULE.target(clip, noise, timestep))
            predicted.append(model([Segment(noisy, torch.zeros(1, 1), timestep)])[0])
        from training.models.cogvideox.patchify import patchify

        inputs = torch.cat([patchify(latents, 2, 1) for latents in mixed])
        targets = torch.cat([patchify(latents, 2, 1) for latents in wanted])
        ours = torch.cat([patchify(latents, 2, 1) for latents in predicted])
        design = torch.cat([inputs, torch.ones(len(inputs), 1, dtype=torch.float64)], dim=1)
        best = design @ torch.linalg.lstsq(design, targets).solution
        least = torch.mean((best - targets) ** 2)
        assert torch.mean((ours - targets) ** 2) < 1.02 * least


def test_it_stands_where_the_transformer_stands() -> None:
    model = fit_linear([made_sample(number).mean for number in range(6)], SCHEDULE, 2, 1)
    method = DiffusionMethod(model, CogVideoXFamily(SIZES, SCHEDULE), NoCodec(), NoText())
    pack = made_pack([1, 2], 0, 0, 2)
    losses = method.losses_at(pack.batch, pack.keys, [999, 500])
    # All noise: v is minus the clean latents, of which the best guess is their mean.
    assert 0.5 < losses.values[0].item() < 1.5
