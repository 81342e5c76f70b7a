"""From noise to a clip in a few moves: DDIM and DPM-Solver++ as pure functions of the noise levels.

Every sampler here is one linear rule: the next x is a weighted sum of the present x, the clean clip that the model sees
in it, the clean clip that it saw a move before, and fresh noise. A sampler only says the four weights, in doubles.

* `ddim` (2010.02502, eq. 12, eta = 0);
* `dpm`, DPM-Solver++ 2M (2211.01095, algorithm 2), which adds no noise;
* `dpm-sde`, SDE-DPM-Solver++ 2M of the same paper, the sampler of CogVideoX's own code (`CogVideoXDPMScheduler`).

With a = sqrt(alpha_bar), s = sqrt(1 - alpha_bar) and h the growth of log(a / s) over a move, exp(-h) = a s' / (s a').

    python -m pytest tests/training/sampling/test_samplers.py
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from schemas.errors import ConfigError
from training.diffusion.schedule import TIMESTEPS, Schedule


@dataclass(frozen=True, slots=True)
class Move:
    """One step of sampling: from `timestep` to `following` (None: to the clean clip), after `before` (None: first)."""

    timestep: int
    following: int | None
    before: int | None


@dataclass(frozen=True, slots=True)
class Weights:
    """What the next x is made of: x, the clean clip seen in it, the clean clip seen a move before, fresh noise."""

    mixed: float
    clean: float
    before: float = 0.0
    noise: float = 0.0


Sampler = Callable[[Schedule, Move], Weights]


def moves(steps: int) -> list[Move]:
    """Timesteps with trailing spacing, 999 first (2305.08891, table 2): `round(1000 - i * 1000 / steps) - 1`.

    Raises `ConfigError` for more steps than there are timesteps, or none.
    """
    if not 1 <= steps <= TIMESTEPS:
        raise ConfigError(f"sampling.steps = {steps}; it must be 1 to {TIMESTEPS}")
    times = [round(TIMESTEPS - place * TIMESTEPS / steps) - 1 for place in range(steps)]
    return [
        Move(now, following, before)
        for now, following, before in zip(times, [*times[1:], None], [None, *times[:-1]], strict=True)
    ]


def ddim(schedule: Schedule, move: Move) -> Weights:
    """DDIM without noise: the noise seen in x is kept, only its share changes."""
    (signal, noisy), (next_signal, next_noisy) = _levels(schedule, move)
    return Weights(next_noisy / noisy, next_signal - signal * next_noisy / noisy)


def dpm(schedule: Schedule, move: Move) -> Weights:
    """DPM-Solver++ 2M: DDIM with the clean clip extrapolated along the last move; of first order at both ends."""
    weights = ddim(schedule, move)
    ahead = _extrapolation(schedule, move)
    return Weights(weights.mixed, weights.clean * (1 + ahead), -weights.clean * ahead)


def dpm_sde(schedule: Schedule, move: Move) -> Weights:
    """The same for the process that forgets its noise: less of x is kept, fresh noise takes its place."""
    (_, noisy), (next_signal, next_noisy) = _levels(schedule, move)
    fade = _fade(schedule, move)
    ahead = _extrapolation(schedule, move)
    clean = next_signal * (1 - fade**2)
    return Weights(next_noisy / noisy * fade, clean * (1 + ahead), -clean * ahead, next_noisy * (1 - fade**2) ** 0.5)


SAMPLERS: dict[str, Sampler] = {"ddim": ddim, "dpm": dpm, "dpm-sde": dpm_sde}


def advance(weights: Weights, mixed: Tensor, clean: Tensor, before: Tensor | None, noise: Tensor | None) -> Tensor:
    """The next x. `before` and `noise` may be None where their weight is 0."""
    found = weights.mixed * mixed + weights.clean * clean
    if weights.before:
        assert before is not None
        found = found + weights.before * before
    if weights.noise:
        assert noise is not None
        found = found + weights.noise * noise
    return found


def _extrapolation(schedule: Schedule, move: Move) -> float:
    """1 / (2 r), r the ratio of the last move's h to this one's; 0 where one of them reaches pure noise or none."""
    if move.before is None or move.following is None:
        return 0.0
    now, last = _fade(schedule, move), _fade(schedule, Move(move.before, move.timestep, None))
    return math.log(now) / math.log(last) / 2 if last else 0.0


def _fade(schedule: Schedule, move: Move) -> float:
    """exp(-h): 0 from pure noise and to the clean clip, below 1 between."""
    (signal, noisy), (next_signal, next_noisy) = _levels(schedule, move)
    return signal * next_noisy / (noisy * next_signal)


def _levels(schedule: Schedule, move: Move) -> tuple[tuple[float, float], tuple[float, float]]:
    """(a, s) now and after the move; after the last move there is no noise."""
    now = float(schedule.signal[move.timestep])
    then = 1.0 if move.following is None else float(schedule.signal[move.following])
    return (now**0.5, (1 - now) ** 0.5), (then**0.5, (1 - then) ** 0.5)
