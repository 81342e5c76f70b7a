"""CogVideoX's noise levels and v-prediction, from a table of doubles whatever the precision of the model.

Betas are LDM's (scaled linear, 0.00085 to 0.012, 1000 steps), then the signal-to-noise ratio is shifted (3.0 for 2B,
1.0 for 5B) and the last level is made pure noise (2305.08891, algorithm 1). The released trainers take the table in the
samples' precision: in bfloat16 the first two levels then have no noise at all and their loss is 0.

    python -m pytest tests/training/diffusion/test_schedule.py
"""

from functools import cached_property

import torch
from torch import Tensor

from schemas.errors import ConfigError

TIMESTEPS = 1000
_FIRST_BETA, _LAST_BETA = 0.00085, 0.012


class Schedule:
    """Noise levels for one shift of the signal-to-noise ratio (> 0; 1 is none)."""

    def __init__(self, shift: float) -> None:
        if shift <= 0:
            raise ConfigError(f"snr shift = {shift}; it must be above 0 (CogVideoX-2B: 3.0, 5B: 1.0)")
        self.shift = shift

    @cached_property
    def signal(self) -> Tensor:
        """alpha_bar of each timestep [1000], float64: the share of variance that is signal; 0 at the last."""
        roots = torch.linspace(_FIRST_BETA**0.5, _LAST_BETA**0.5, TIMESTEPS, dtype=torch.float64)
        signal = torch.cumprod(1 - roots**2, dim=0)
        signal = signal / (self.shift + (1 - self.shift) * signal)
        amplitude = signal.sqrt()
        first, last = amplitude[0], amplitude[-1]
        return ((amplitude - last) * first / (first - last)) ** 2

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """x_t: clean and noise of any equal shape, mixed in float32 or better and given back so."""
        signal, noisy = self._shares(timestep)
        return signal * _exact(clean) + noisy * _exact(noise)

    def velocity(self, clean: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """v, what the model learns: sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) clean (2202.00512, section 4)."""
        signal, noisy = self._shares(timestep)
        return signal * _exact(noise) - noisy * _exact(clean)

    def clean(self, mixed: Tensor, velocity: Tensor, timestep: int) -> Tensor:
        """x_0 from x_t and v."""
        signal, noisy = self._shares(timestep)
        return signal * _exact(mixed) - noisy * _exact(velocity)

    def noise(self, mixed: Tensor, velocity: Tensor, timestep: int) -> Tensor:
        """The noise in x_t, from x_t and v."""
        signal, noisy = self._shares(timestep)
        return noisy * _exact(mixed) + signal * _exact(velocity)

    def _shares(self, timestep: int) -> tuple[float, float]:
        level = float(self.signal[timestep])
        return level**0.5, (1 - level) ** 0.5


def velocity_loss(predicted: Tensor, velocity: Tensor) -> Tensor:
    """Mean squared error in float32 or better.

    The published code weighs the error of x_0 by 1 / (1 - alpha_bar); written out, that is this.
    """
    return torch.nn.functional.mse_loss(_exact(predicted), _exact(velocity))


def _exact(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
