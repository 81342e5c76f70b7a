"""The bound is what diffusers' and iDDPM's formulas give, and teaches the variance without moving the prediction."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from training.diffusion.bound import variational_bound
from training.diffusion.schedule import NoiseSchedule

SCHEDULE = NoiseSchedule("linear")


def draws(timestep: int, count: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(timestep)
    clean, noise = torch.randn(2, count, generator=random, dtype=torch.float64)
    return clean.float(), noise.float(), SCHEDULE.add_noise(clean, noise, timestep).float()


@pytest.mark.parametrize("timestep", [1, 10, 500, 999])
@pytest.mark.parametrize("value", [-1.0, 0.3, 1.0])
def test_it_is_the_divergence_of_two_normal_distributions(timestep: int, value: float) -> None:
    clean, noise, mixed = draws(timestep)
    guess = noise + 0.1
    signal = SCHEDULE.alphas_cumprod
    alpha = float(signal[timestep] / signal[timestep - 1])
    beta, before, level = 1 - alpha, float(signal[timestep - 1]), float(signal[timestep])
    tilde = beta * (1 - before) / (1 - level)

    def mean(origin: torch.Tensor) -> torch.Tensor:
        mean_of_step: torch.Tensor = (before**0.5 * beta * origin + alpha**0.5 * (1 - before) * mixed) / (1 - level)
        return mean_of_step

    fraction = (value + 1) / 2
    variance = math.exp(fraction * math.log(beta) + (1 - fraction) * math.log(tilde))
    predicted = (mixed - (1 - level) ** 0.5 * guess) / level**0.5
    expected = kl_divergence(Normal(mean(clean), tilde**0.5), Normal(mean(predicted), variance**0.5)).mean() / math.log(
        2
    )
    bits = variational_bound(SCHEDULE, clean, mixed, guess, torch.full_like(clean, value), timestep)
    assert float(bits) == pytest.approx(float(expected), rel=2e-3)


def test_a_perfect_prediction_has_no_divergence_at_the_true_variance() -> None:
    clean, noise, mixed = draws(500)
    bits = variational_bound(SCHEDULE, clean, mixed, noise, torch.full_like(clean, -1.0), 500)
    assert abs(float(bits)) < 1e-4


def test_the_first_level_is_the_likelihood_of_a_step_of_eight_bits() -> None:
    clean, noise, mixed = draws(0)
    clean = clean.clamp(-1.5, 1.5)  # both outermost bins are there, which are open
    guess, value, step = noise + 0.02, 0.4, 1 / 255
    signal = SCHEDULE.alphas_cumprod
    beta, first = float(1 - signal[0]), float(signal[1])
    smallest = (1 - first / float(signal[0])) * (1 - float(signal[0])) / (1 - first)
    std = math.exp(0.5 * (0.7 * math.log(beta) + 0.3 * math.log(smallest)))
    x_0 = Normal((mixed - beta**0.5 * guess) / float(signal[0]) ** 0.5, std)
    above, below = (x_0.cdf(edge) for edge in (clean + step, clean - step))  # type: ignore[no-untyped-call]
    shares = torch.where(clean < -0.999, above, torch.where(clean > 0.999, 1 - below, above - below))
    expected = -shares.clamp(min=1e-12).log2().mean()
    bits = variational_bound(SCHEDULE, clean, mixed, guess, torch.full_like(clean, value), 0)
    assert float(bits) == pytest.approx(float(expected), rel=1e-3)
