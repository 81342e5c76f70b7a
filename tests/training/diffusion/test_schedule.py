"""The table has the published values, v-prediction undoes itself, and no precision of the model reaches the target."""

import pytest
import torch
from diffusers import CogVideoXDDIMScheduler, DDIMScheduler

from schemas.errors import ConfigError
from training.diffusion.schedule import TIMESTEPS, Betas, NoiseSchedule, Schedule, VelocitySchedule, prediction_loss


@pytest.mark.parametrize(
    ("shift", "expected"),
    [(3.0, (0.997454, 0.994801, 0.0960, 6.2e-8, 0.0)), (1.0, (0.99915, 0.998233, 0.2424, 2.0e-7, 0.0))],
)
def test_the_table_has_cogvideox_values(shift: float, expected: tuple[float, ...]) -> None:
    signal = VelocitySchedule(shift).alphas_cumprod
    for timestep, value in zip((0, 1, 499, 998, 999), expected, strict=True):
        assert float(signal[timestep]) == pytest.approx(value, rel=0.02, abs=1e-12)
    assert torch.all(signal[1:] < signal[:-1])


def test_equal_to_diffusers_scheduler_in_single_precision() -> None:
    theirs = CogVideoXDDIMScheduler(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing", snr_shift_scale=3.0
    )
    ours = VelocitySchedule(3.0)
    clean, noise = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    for timestep in (0, 17, 500, 999):
        at = torch.tensor([timestep])
        expected = theirs.add_noise(clean[None], noise[None], at)[0]
        assert (ours.add_noise(clean, noise, timestep) - expected).abs().max() < 2e-6
        expected = theirs.get_velocity(clean[None], noise[None], at)[0]
        assert (ours.target(clean, noise, timestep) - expected).abs().max() < 2e-6


@pytest.mark.parametrize("timestep", [0, 1, 10, 500, 998, 999])
def test_the_clean_clip_comes_back_from_the_mixture_and_v(timestep: int) -> None:
    schedule = VelocitySchedule(1.0)
    clean, noise = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mixed, velocity = schedule.add_noise(clean, noise, timestep), schedule.target(clean, noise, timestep)
    assert (schedule.clean(mixed, velocity, timestep) - clean).abs().max() < 1e-12


def test_v_loss_is_the_weighted_loss_of_the_published_code() -> None:
    schedule = VelocitySchedule(3.0)
    random = torch.Generator().manual_seed(2)
    clean, noise, guess = torch.randn(3, 64, generator=random, dtype=torch.float64)
    for timestep in (1, 250, 999):
        mixed = schedule.add_noise(clean, noise, timestep)
        error = schedule.clean(mixed, guess, timestep) - clean
        weighted = (error**2).mean() / (1 - schedule.alphas_cumprod[timestep])
        plain = prediction_loss(guess, schedule.target(clean, noise, timestep))
        assert float(weighted) == pytest.approx(float(plain), rel=1e-12)


def test_bfloat16_latents_keep_their_noise_at_the_first_timesteps_where_the_scheduler_path_loses_it() -> None:
    theirs = CogVideoXDDIMScheduler(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing", snr_shift_scale=1.0
    )
    ours = VelocitySchedule(1.0)
    random = torch.Generator().manual_seed(3)
    clean, noise = torch.randn(2, 4096, generator=random).bfloat16()
    worst = {}
    for timestep in range(11):
        exact = ours.target(clean.double(), noise.double(), timestep)
        ratio = float(exact.square().mean())
        through = theirs.get_velocity(clean[None], noise[None], torch.tensor([timestep]))[0].double()
        worst[timestep] = abs(float((through - exact).square().mean()) / ratio)
        error = (ours.target(clean, noise, timestep).double() - exact).square().mean()
        assert float(error) / ratio < 1e-10
    lost = [float(1 - theirs.alphas_cumprod.bfloat16()[timestep]) for timestep in (0, 1)]
    assert lost == [0.0, 0.0], "the defect that this table rules out: no noise at all in bfloat16"
    assert max(worst.values()) > 1e-4


def test_a_shift_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"snr shift = 0"):
        VelocitySchedule(0)
    assert len(VelocitySchedule(1.0).alphas_cumprod) == TIMESTEPS


@pytest.mark.parametrize("betas", ["linear", "scaled_linear"])
def test_the_levels_of_noise_prediction_are_those_of_diffusers(betas: Betas) -> None:
    ends = {"linear": (0.0001, 0.02), "scaled_linear": (0.00085, 0.012)}[betas]
    theirs = DDIMScheduler(beta_schedule=betas, beta_start=ends[0], beta_end=ends[1])
    ours = NoiseSchedule(betas)
    assert (ours.alphas_cumprod - theirs.alphas_cumprod).abs().max() < 1e-6
    clean, noise = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    for timestep in (0, 500, 999):
        mixed = ours.add_noise(clean, noise, timestep)
        assert (mixed - theirs.add_noise(clean[None], noise[None], torch.tensor([timestep]))[0]).abs().max() < 1e-5
        assert ours.target(clean, noise, timestep) is noise
        assert (ours.clean(mixed, noise, timestep) - clean).abs().max() < 1e-10


@pytest.mark.parametrize("schedule", [VelocitySchedule(3.0), NoiseSchedule("linear")])
def test_shares_of_the_target_make_the_target(schedule: Schedule) -> None:
    clean, noise = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    for timestep in (0, 500, 999):
        of_clean, of_noise = schedule.target_coefficients(timestep)
        assert torch.equal(of_clean * clean + of_noise * noise, schedule.target(clean, noise, timestep))
