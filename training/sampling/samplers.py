"""Samplers: DDIM and DPM-Solver++ as pure functions of the noise schedule.

Every sampler here is one linear rule: the next x is a weighted sum of the current x, the predicted clean clip x_0, the
x_0 predicted in the previous step, and fresh noise. A sampler computes the four weights in float64.

* `ddim` (2010.02502, eq. 12, eta = 0);
* `dpm`, DPM-Solver++ 2M (2211.01095, algorithm 2), which adds no noise;
* `dpm-sde`, SDE-DPM-Solver++ 2M of the same paper, the sampler of CogVideoX's own code (`CogVideoXDPMScheduler`).

With a = sqrt(alpha_bar), s = sqrt(1 - alpha_bar) and h the increase of log(a / s) over a step, exp(-h) = a s' / (s a').

    for step in sampling_steps(50):
        weights = SAMPLERS["dpm"](schedule, step)
        x, previous = advance(weights, x, clean, previous, noise=None), clean
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from schemas.errors import ConfigError
from training.diffusion.schedule import TIMESTEPS, Schedule


@dataclass(frozen=True, slots=True)
class SamplingStep:
    """A step from `timestep` to `following` (None: the clean clip); `previous` is the timestep before (None: first)."""

    timestep: int
    following: int | None
    previous: int | None


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the next x: of the current x, of x_0 predicted from it, of the previous step's x_0, of fresh noise."""

    noisy: float
    clean: float
    previous: float = 0.0
    noise: float = 0.0


Sampler = Callable[[Schedule, SamplingStep], Weights]


def sampling_steps(steps: int) -> list[SamplingStep]:
    """Timesteps with trailing spacing, 999 first (2305.08891, table 2): `round(1000 - i * 1000 / steps) - 1`.

    Raises `ConfigError` for `steps` outside 1 to 1000.
    """
    if not 1 <= steps <= TIMESTEPS:
        raise ConfigError(f"sampling.steps = {steps}; it must be 1 to {TIMESTEPS}")
    times = [round(TIMESTEPS - index * TIMESTEPS / steps) - 1 for index in range(steps)]
    return [
        SamplingStep(timestep, following, previous)
        for timestep, following, previous in zip(times, [*times[1:], None], [None, *times[:-1]], strict=True)
    ]


def ddim(schedule: Schedule, step: SamplingStep) -> Weights:
    """DDIM without added noise (eta = 0)."""
    (signal, noise), (next_signal, next_noise) = _levels(schedule, step)
    return Weights(next_noise / noise, next_signal - signal * next_noise / noise)


def dpm(schedule: Schedule, step: SamplingStep) -> Weights:
    """DPM-Solver++ 2M: DDIM with x_0 extrapolated from the previous step; first order at both ends."""
    weights = ddim(schedule, step)
    ahead = _extrapolation(schedule, step)
    return Weights(weights.noisy, weights.clean * (1 + ahead), -weights.clean * ahead)


def dpm_sde(schedule: Schedule, step: SamplingStep) -> Weights:
    """SDE-DPM-Solver++ 2M: less of x is kept, and fresh noise is added."""
    (_, noise), (next_signal, next_noise) = _levels(schedule, step)
    decay = _decay(schedule, step)
    ahead = _extrapolation(schedule, step)
    clean = next_signal * (1 - decay**2)
    return Weights(next_noise / noise * decay, clean * (1 + ahead), -clean * ahead, next_noise * (1 - decay**2) ** 0.5)


SAMPLERS: dict[str, Sampler] = {"ddim": ddim, "dpm": dpm, "dpm-sde": dpm_sde}


def advance(weights: Weights, noisy: Tensor, clean: Tensor, previous: Tensor | None, noise: Tensor | None) -> Tensor:
    """The next x, of the tensors' common shape. `previous` and `noise` may be None where their weight is 0."""
    following = weights.noisy * noisy + weights.clean * clean
    if weights.previous:
        assert previous is not None
        following = following + weights.previous * previous
    if weights.noise:
        assert noise is not None
        following = following + weights.noise * noise
    return following


def _extrapolation(schedule: Schedule, step: SamplingStep) -> float:
    """1 / (2 r), r the ratio of the previous step's h to this one's; 0 at pure noise and at the clean clip."""
    if step.previous is None or step.following is None:
        return 0.0
    now, last = _decay(schedule, step), _decay(schedule, SamplingStep(step.previous, step.timestep, None))
    return math.log(now) / math.log(last) / 2 if last else 0.0


def _decay(schedule: Schedule, step: SamplingStep) -> float:
    """exp(-h): 0 from pure noise and to the clean clip, between 0 and 1 otherwise."""
    (signal, noise), (next_signal, next_noise) = _levels(schedule, step)
    return signal * next_noise / (noise * next_signal)


def _levels(schedule: Schedule, step: SamplingStep) -> tuple[tuple[float, float], tuple[float, float]]:
    """(a, s) before and after the step; after the last step there is no noise."""
    now = float(schedule.alphas_cumprod[step.timestep])
    after = 1.0 if step.following is None else float(schedule.alphas_cumprod[step.following])
    return (now**0.5, (1 - now) ** 0.5), (after**0.5, (1 - after) ** 0.5)
