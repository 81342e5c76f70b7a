"""Noise levels and what a model predicts at them, from a table of doubles whatever the precision of the model.

`VelocitySchedule` is CogVideoX's: LDM's betas (scaled linear, 0.00085 to 0.012, 1000 steps), then the signal-to-noise
ratio is shifted (3.0 for 2B, 1.0 for 5B) and the last level is made pure noise (2305.08891, algorithm 1). The released
trainers take the table in the samples' precision: in bfloat16 the first two levels then have no noise at all and their
loss is 0. `NoiseSchedule` is that of Latte, PixArt-alpha and Stable Diffusion, whose models predict the noise.

    python -m pytest tests/training/diffusion/test_schedule.py
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
    """Noise levels, and what is predicted at them. Tensors of any equal shape; results are float32 or better."""

    @property
    def signal(self) -> Tensor:
        """alpha_bar of each timestep [1000], float64: the share of variance that is signal."""
        ...

    @property
    def name(self) -> str:
        """Noise levels and prediction in a few words, for a person."""
        ...

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """x_t: clean and noise mixed."""
        ...

    def target(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """What the model learns to predict."""
        ...

    def target_shares(self, timestep: int) -> tuple[float, float]:
        """The target as `shares[0] * clean + shares[1] * noise`."""
        ...

    def clean(self, mixed: Tensor, predicted: Tensor, timestep: int) -> Tensor:
        """x_0 from x_t and a prediction."""
        ...


class VelocitySchedule:
    """CogVideoX's levels for one shift of the signal-to-noise ratio (> 0; 1 is none), and v-prediction."""

    def __init__(self, shift: float) -> None:
        if shift <= 0:
            raise ConfigError(f"snr shift = {shift}; it must be above 0 (CogVideoX-2B: 3.0, 5B: 1.0)")
        self.shift = shift

    @property
    def name(self) -> str:
        """See `Schedule`."""
        return f"v-prediction, zero terminal SNR, shift {self.shift:g}"

    @cached_property
    def signal(self) -> Tensor:
        """See `Schedule`; 0 at the last."""
        signal = _signal_of("scaled_linear")
        signal = signal / (self.shift + (1 - self.shift) * signal)
        amplitude = signal.sqrt()
        first, last = amplitude[0], amplitude[-1]
        return ((amplitude - last) * first / (first - last)) ** 2

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """See `Schedule`."""
        return _mix(self.signal, clean, noise, timestep)

    def target(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """v = sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) clean (2202.00512, section 4)."""
        of_clean, of_noise = self.target_shares(timestep)
        return of_noise * _exact(noise) + of_clean * _exact(clean)

    def target_shares(self, timestep: int) -> tuple[float, float]:
        """See `Schedule`."""
        signal, noisy = _amplitudes(self.signal, timestep)
        return -noisy, signal

    def clean(self, mixed: Tensor, predicted: Tensor, timestep: int) -> Tensor:
        """See `Schedule`."""
        signal, noisy = _amplitudes(self.signal, timestep)
        return signal * _exact(mixed) - noisy * _exact(predicted)


class NoiseSchedule:
    """Levels of DDPM (`linear`) or Stable Diffusion (`scaled_linear`); the model predicts the noise.

    The last level keeps a little signal (alpha_bar 4e-5 and 5e-3), as the published weights were trained.
    """

    def __init__(self, betas: Betas) -> None:
        self.betas = betas

    @property
    def name(self) -> str:
        """See `Schedule`."""
        return f"noise prediction, {self.betas.replace('_', ' ')} betas"

    @cached_property
    def signal(self) -> Tensor:
        """See `Schedule`."""
        return _signal_of(self.betas)

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """See `Schedule`."""
        return _mix(self.signal, clean, noise, timestep)

    def target(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """The noise (2006.11239, eq. 14)."""
        return _exact(noise)

    def target_shares(self, timestep: int) -> tuple[float, float]:
        """See `Schedule`."""
        return 0.0, 1.0

    def clean(self, mixed: Tensor, predicted: Tensor, timestep: int) -> Tensor:
        """See `Schedule`."""
        signal, noisy = _amplitudes(self.signal, timestep)
        return (_exact(mixed) - noisy * _exact(predicted)) / signal


def prediction_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error in float32 or better.

    CogVideoX's published code weighs the error of x_0 by 1 / (1 - alpha_bar); written out, that is this for v.
    """
    return torch.nn.functional.mse_loss(_exact(predicted), _exact(target))


def _signal_of(betas: Betas) -> Tensor:
    if betas == "linear":
        values = torch.linspace(*_LINEAR_BETAS, TIMESTEPS, dtype=torch.float64)
    else:
        first, last = _SCALED_BETAS
        values = torch.linspace(first**0.5, last**0.5, TIMESTEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1 - values, dim=0)


def _mix(table: Tensor, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
    signal, noisy = _amplitudes(table, timestep)
    return signal * _exact(clean) + noisy * _exact(noise)


def _amplitudes(table: Tensor, timestep: int) -> tuple[float, float]:
    level = float(table[timestep])
    return level**0.5, (1 - level) ** 0.5


def _exact(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
