"""The variational bound, by which a model learns the variance of its steps (iDDPM 2102.09672, section 3.1).

The model gives a share v in -1 to 1 per number; the variance lies between the two that are right for extreme data, on a
scale of logarithms: exp(f log beta + (1 - f) log beta_tilde), f = (v + 1) / 2. The prediction itself is not moved by
this loss. Latte and PixArt-alpha train with it, at weight 1 beside the squared error (DiT 2212.09748, section 3.1).

    python -m pytest tests/training/diffusion/test_bound.py
"""

import math

import torch
from torch import Tensor

from training.diffusion.schedule import Schedule

_BIN = 1 / 255  # half the width of a step of 8 bits in -1 to 1: the code of iDDPM, DiT and Latte, on latents too


def variational_bound(
    schedule: Schedule, clean: Tensor, mixed: Tensor, predicted: Tensor, share: Tensor, timestep: int
) -> Tensor:
    """The bound's term of one clip at `timestep`, in bits per number; all tensors of one shape, `share` has gradients.

    The divergence of q(x_{t-1} | x_t, x_0) from the model's step, or at 0 the negative log-likelihood of x_0.
    """
    level, before = float(schedule.signal[timestep]), float(schedule.signal[timestep - 1]) if timestep else 1.0
    beta = 1 - level / before
    # At 0 the true step has no variance; the code of iDDPM takes that of step 1 in its place.
    smallest = _posterior_variance(schedule, max(timestep, 1))
    lower, upper = math.log(smallest), math.log(beta)
    fraction = (share.float() + 1) / 2
    log_variance = fraction * upper + (1 - fraction) * lower
    guess = schedule.clean(mixed, predicted, timestep)
    of_clean, of_mixed = before**0.5 * beta / (1 - level), (level / before) ** 0.5 * (1 - before) / (1 - level)
    mean = of_clean * guess + of_mixed * mixed.float()
    if timestep == 0:
        bits = -_log_likelihood(clean.float(), mean, 0.5 * log_variance)
    else:
        truth = of_clean * clean.float() + of_mixed * mixed.float()
        apart = (truth - mean) ** 2 * torch.exp(-log_variance)
        bits = 0.5 * (log_variance - lower - 1 + torch.exp(lower - log_variance) + apart)
    return bits.mean() / math.log(2)


def _posterior_variance(schedule: Schedule, timestep: int) -> float:
    """beta_tilde (2006.11239, eq. 7)."""
    level, before = float(schedule.signal[timestep]), float(schedule.signal[timestep - 1])
    return (1 - level / before) * (1 - before) / (1 - level)


def _log_likelihood(values: Tensor, mean: Tensor, log_deviation: Tensor) -> Tensor:
    """Of values in bins of a normal distribution (2006.11239, section 3.3); the outermost bins are open."""
    scale = torch.exp(-log_deviation)
    above = torch.special.ndtr((values - mean + _BIN) * scale)
    below = torch.special.ndtr((values - mean - _BIN) * scale)
    inside = torch.where(values < -0.999, above, torch.where(values > 0.999, 1 - below, above - below))
    return inside.clamp(min=1e-12).log()
