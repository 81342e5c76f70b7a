"""Noise schedules and prediction targets, from a float64 table whatever the precision of the model.

`VelocitySchedule` is CogVideoX's: LDM's betas (scaled linear, 0.00085 to 0.012, 1000 steps), then the signal-to-noise
ratio is shifted (3.0 for 2B, 1.0 for 5B) and the last level is made pure noise (zero terminal SNR, 2305.08891,
algorithm 1). The released trainers use the table in the samples' precision: in bfloat16 the first two levels then have
no noise at all and their loss is 0. `NoiseSchedule` is that of Latte, PixArt-alpha and Stable Diffusion, whose models
predict the noise.

    schedule = VelocitySchedule(shift=1.0)
    noisy = schedule.add_noise(clean, noise, timestep=500)
    loss = prediction_loss(model_output, schedule.target(clean, noise, timestep=500))
"""

from functools import cached_property
from typing import Literal, Protocol

import torch
from torch import Tensor

from schemas.errors import ConfigError

TIMESTEPS = 1000
_SCALED_BETAS = (0.00085, 0.012)  # LDM (2112.10752), Stable Diffusion, CogVideoX
_LINEAR_BETAS = (0.0001, 0.02)  # DDPM (2006.11239, section 4), iDDPM, DiT, PixArt-alpha, Latte

Betas = Literal["linear", "scaled_linear"]


class Schedule(Protocol):
    """A noise schedule and its prediction target. Tensors have any one shape; results are float32 or float64."""

    @property
    def alphas_cumprod(self) -> Tensor:
        """alpha_bar of each timestep [1000], float64: the fraction of the variance that is signal."""
        ...

    @property
    def name(self) -> str:
        """Schedule and prediction type in a few words, for logs."""
        ...

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """x_t from x_0 and noise."""
        ...

    def target(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """What the model is trained to predict."""
        ...

    def target_coefficients(self, timestep: int) -> tuple[float, float]:
        """The target is `coefficients[0] * clean + coefficients[1] * noise`."""
        ...

    def clean(self, noisy: Tensor, predicted: Tensor, timestep: int) -> Tensor:
        """x_0 from x_t and a prediction."""
        ...


class VelocitySchedule:
    """CogVideoX's schedule with v-prediction. `shift` of the signal-to-noise ratio is above 0; 1 shifts nothing.

    Raises `ConfigError` for another shift.
    """

    def __init__(self, shift: float) -> None:
        if shift <= 0:
            raise ConfigError(f"snr shift = {shift}; it must be above 0 (CogVideoX-2B: 3.0, 5B: 1.0)")
        self.shift = shift

    @property
    def name(self) -> str:
        """See `Schedule`."""
        return f"v-prediction, zero terminal SNR, shift {self.shift:g}"

    @cached_property
    def alphas_cumprod(self) -> Tensor:
        """See `Schedule`; the last is 0."""
        unshifted = _alphas_cumprod("scaled_linear")
        shifted = unshifted / (self.shift + (1 - self.shift) * unshifted)
        sqrt_alphas = shifted.sqrt()
        first, last = sqrt_alphas[0], sqrt_alphas[-1]
        return ((sqrt_alphas - last) * first / (first - last)) ** 2

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """See `Schedule`."""
        return _add_noise(self.alphas_cumprod, clean, noise, timestep)

    def target(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """v = sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) clean (2202.00512, section 4)."""
        of_clean, of_noise = self.target_coefficients(timestep)
        return of_noise * _at_least_float32(noise) + of_clean * _at_least_float32(clean)

    def target_coefficients(self, timestep: int) -> tuple[float, float]:
        """See `Schedule`."""
        sqrt_alpha, sqrt_one_minus_alpha = _amplitudes(self.alphas_cumprod, timestep)
        return -sqrt_one_minus_alpha, sqrt_alpha

    def clean(self, noisy: Tensor, predicted: Tensor, timestep: int) -> Tensor:
        """See `Schedule`."""
        sqrt_alpha, sqrt_one_minus_alpha = _amplitudes(self.alphas_cumprod, timestep)
        return sqrt_alpha * _at_least_float32(noisy) - sqrt_one_minus_alpha * _at_least_float32(predicted)


class NoiseSchedule:
    """The schedule of DDPM (`linear`) or Stable Diffusion (`scaled_linear`), with noise (epsilon) prediction.

    The last level keeps a little signal (alpha_bar 4e-5 and 5e-3), as the published weights were trained.
    """

    def __init__(self, betas: Betas) -> None:
        self.betas = betas

    @property
    def name(self) -> str:
        """See `Schedule`."""
        return f"noise prediction, {self.betas.replace('_', ' ')} betas"

    @cached_property
    def alphas_cumprod(self) -> Tensor:
        """See `Schedule`."""
        return _alphas_cumprod(self.betas)

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """See `Schedule`."""
        return _add_noise(self.alphas_cumprod, clean, noise, timestep)

    def target(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """The noise (2006.11239, eq. 14)."""
        return _at_least_float32(noise)

    def target_coefficients(self, timestep: int) -> tuple[float, float]:
        """See `Schedule`."""
        return 0.0, 1.0

    def clean(self, noisy: Tensor, predicted: Tensor, timestep: int) -> Tensor:
        """See `Schedule`."""
        sqrt_alpha, sqrt_one_minus_alpha = _amplitudes(self.alphas_cumprod, timestep)
        return (_at_least_float32(noisy) - sqrt_one_minus_alpha * _at_least_float32(predicted)) / sqrt_alpha


def prediction_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of two tensors of one shape, a scalar, in float32 or float64.

    CogVideoX's published code weights the error of x_0 by 1 / (1 - alpha_bar), which equals this for v-prediction.
    """
    return torch.nn.functional.mse_loss(_at_least_float32(predicted), _at_least_float32(target))


def _alphas_cumprod(betas: Betas) -> Tensor:
    if betas == "linear":
        values = torch.linspace(*_LINEAR_BETAS, TIMESTEPS, dtype=torch.float64)
    else:
        first, last = _SCALED_BETAS
        values = torch.linspace(first**0.5, last**0.5, TIMESTEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1 - values, dim=0)


def _add_noise(alphas_cumprod: Tensor, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
    sqrt_alpha, sqrt_one_minus_alpha = _amplitudes(alphas_cumprod, timestep)
    return sqrt_alpha * _at_least_float32(clean) + sqrt_one_minus_alpha * _at_least_float32(noise)


def _amplitudes(alphas_cumprod: Tensor, timestep: int) -> tuple[float, float]:
    alpha = float(alphas_cumprod[timestep])
    return alpha**0.5, (1 - alpha) ** 0.5


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
