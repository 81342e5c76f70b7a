"""Every move equals diffusers' scheduler on the same model outputs, in doubles."""

import numpy as np
import pytest
import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXDPMScheduler, DPMSolverMultistepScheduler
from torch import Tensor

from schemas.errors import ConfigError
from training.diffusion.schedule import Schedule, VelocitySchedule
from training.sampling.samplers import (
    SAMPLERS,
    Sampler,
    SamplingStep,
    Weights,
    advance,
    ddim,
    dpm,
    dpm_sde,
    sampling_steps,
)

SETTINGS = {
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "clip_sample": False,
}


def velocity_of(mixed: Tensor, timestep: int) -> Tensor:
    """Something smooth that depends on x and t, in place of a network."""
    return torch.tanh(mixed * 1.3 + timestep / 400) - 0.2 * mixed


def start() -> Tensor:
    return torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def ours(sampler: Sampler, schedule: Schedule, steps: int, noises: list[Tensor] | None = None) -> list[Tensor]:
    mixed, before, trajectory = start(), None, []
    for index, move in enumerate(sampling_steps(steps)):
        clean = schedule.clean(mixed, velocity_of(mixed, move.timestep), move.timestep)
        noise = noises[index] if noises else None
        mixed, before = advance(sampler(schedule, move), mixed, clean, before, noise), clean
        trajectory.append(mixed)
    return trajectory


@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize("steps", [1, 4, 20, 50])
def test_ddim_equals_cogvideox_ddim_scheduler(shift: float, steps: int) -> None:
    theirs = CogVideoXDDIMScheduler(snr_shift_scale=shift, **SETTINGS)
    theirs.set_timesteps(steps)
    assert theirs.timesteps.tolist() == [move.timestep for move in sampling_steps(steps)]
    mixed = start()
    for timestep, sampled in zip(theirs.timesteps, ours(ddim, VelocitySchedule(shift), steps), strict=True):
        mixed = theirs.step(velocity_of(mixed, int(timestep)), timestep, mixed).prev_sample
        assert (sampled - mixed).abs().max() < 1e-9


@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize("steps", [1, 4, 20, 50])
def test_dpm_sde_equals_cogvideox_dpm_scheduler_given_its_noise(shift: float, steps: int) -> None:
    theirs = CogVideoXDPMScheduler(snr_shift_scale=shift, **SETTINGS)
    theirs.set_timesteps(steps)
    generator = torch.Generator().manual_seed(5)
    mixed, before, expected, noises = start(), None, [], []
    for index, timestep in enumerate(theirs.timesteps):
        # The scheduler draws one noise for its first-order move and, where there is a second order, another one.
        peek = torch.Generator()
        peek.set_state(generator.get_state())
        draws = [torch.randn(mixed.shape, generator=peek, dtype=torch.float64) for _ in range(2)]
        noises.append(draws[0] if index in (0, steps - 1) else draws[1])
        last = theirs.timesteps[index - 1] if index else None
        velocity = velocity_of(mixed, int(timestep))
        mixed, before = theirs.step(velocity, before, timestep, last, mixed, generator=generator)
        expected.append(mixed)
    for sampled, wanted in zip(ours(dpm_sde, VelocitySchedule(shift), steps, noises), expected, strict=True):
        assert (sampled - wanted).abs().max() < 1e-9


@pytest.mark.filterwarnings("ignore:__array__ implementation")
@pytest.mark.parametrize("steps", [2, 10, 25])
def test_dpm_equals_the_general_dpm_solver(steps: int) -> None:
    schedule = VelocitySchedule(3.0)
    # It cannot start from pure noise, only from nearly so: both get the same table.
    signal = schedule.alphas_cumprod.clone()
    signal[-1] = 2.0**-24
    schedule.alphas_cumprod = signal
    theirs = DPMSolverMultistepScheduler(
        prediction_type="v_prediction", timestep_spacing="trailing", algorithm_type="dpmsolver++", solver_order=2
    )
    theirs.alphas_cumprod = signal
    theirs.set_timesteps(steps)
    assert theirs.timesteps.tolist() == [move.timestep for move in sampling_steps(steps)]
    mixed = start()
    for timestep, sampled in zip(theirs.timesteps, ours(dpm, schedule, steps), strict=True):
        mixed = theirs.step(velocity_of(mixed, int(timestep)), timestep, mixed).prev_sample
        assert (sampled - mixed).abs().max() < 1e-5, "its noise levels are float32"


@pytest.mark.parametrize(("sampler", "after_eighty"), [(ddim, 0.1), (dpm, 0.05)])
def test_samplers_come_closer_to_the_exact_solution_with_more_steps(sampler: Sampler, after_eighty: float) -> None:
    # Data N(m, d^2): the flow keeps (x - a m) / sqrt(a^2 d^2 + s^2), so noise z ends at m + d z.
    mean, std, schedule = 0.7, 0.4, VelocitySchedule(1.0)

    def error(steps: int) -> float:
        mixed, before = start(), None
        wanted = mean + std * mixed
        for move in sampling_steps(steps):
            signal = float(schedule.alphas_cumprod[move.timestep])
            weight = signal**0.5 * std**2 / (signal * std**2 + 1 - signal)
            clean = mean + weight * (mixed - signal**0.5 * mean)
            mixed, before = advance(sampler(schedule, move), mixed, clean, before, None), clean
        return float((mixed - wanted).abs().max())

    errors = [error(steps) for steps in (5, 20, 80, 1000)]
    assert errors == sorted(errors, reverse=True)
    assert errors[2] < after_eighty
    assert errors[3] < 0.01


def test_the_second_order_is_worth_its_name() -> None:
    fine = ours(dpm, VelocitySchedule(1.0), 500)[-1]
    coarse = {
        name: (ours(SAMPLERS[name], VelocitySchedule(1.0), 20)[-1] - fine).abs().mean() for name in ("ddim", "dpm")
    }
    assert coarse["dpm"] < coarse["ddim"] / 2


def test_timesteps_trail_from_pure_noise_for_every_number_of_steps() -> None:
    assert [move.timestep for move in sampling_steps(50)][:3] == [999, 979, 959]
    for steps in (1, 3, 7, 30, 300, 999, 1000):
        times = [move.timestep for move in sampling_steps(steps)]
        assert len(set(times)) == steps
        assert times[0] == 999
        assert times == sorted(times, reverse=True)
        assert [move.following for move in sampling_steps(steps)] == [*times[1:], None]
        assert np.abs(np.diff([*times, -1]) + 1000 / steps).max() <= 1
    for steps in (0, 1001):
        with pytest.raises(ConfigError, match="must be 1 to 1000"):
            sampling_steps(steps)


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_move_from_pure_noise_is_the_clean_clip_and_weights_are_finite(name: str) -> None:
    schedule = VelocitySchedule(3.0)
    assert SAMPLERS[name](schedule, SamplingStep(999, None, None)) == Weights(0.0, 1.0, *(0.0, 0.0))
    for move in sampling_steps(40):
        weights = SAMPLERS[name](schedule, move)
        assert np.isfinite([weights.noisy, weights.clean, weights.previous, weights.noise]).all()
