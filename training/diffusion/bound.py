"""The variational bound, the loss by which a model learns the variance of its steps (iDDPM 2102.09672, section 3.1).

The model predicts v in -1 to 1 per value, which interpolates the log variance between its lower and upper bounds:
exp(f log beta + (1 - f) log beta_tilde), f = (v + 1) / 2. The prediction itself gets no gradient from this loss. Latte
and PixArt-alpha train with it, at weight 1 beside the squared error (DiT 2212.09748, section 3.1).

    loss = variational_bound(schedule, clean, noisy, predicted, share, timestep)
"""

import math

import torch
from torch import Tensor

from training.diffusion.schedule import Schedule

_BIN = 1 / 255  # half of an 8-bit step in -1 to 1, as in the code of iDDPM, DiT and Latte, which use it on latents too


def variational_bound(
    schedule: Schedule, clean: Tensor, noisy: Tensor, predicted: Tensor, share: Tensor, timestep: int
) -> Tensor:
    """The bound's term of one clip at `timestep`, in bits per value: a scalar.

    All tensors are [T, C, H, W]; `share` is the predicted v, through which gradients flow. The term is the divergence
    of q(x_{t-1} | x_t, x_0) from the model's step, or at timestep 0 the negative log-likelihood of x_0.
    """
    alphas_cumprod = schedule.alphas_cumprod
    current, previous = float(alphas_cumprod[timestep]), float(alphas_cumprod[timestep - 1]) if timestep else 1.0
    beta = 1 - current / previous
    # At 0 the posterior has no variance; the code of iDDPM uses that of timestep 1 instead.
    smallest = _posterior_variance(schedule, max(timestep, 1))
    lower, upper = math.log(smallest), math.log(beta)
    fraction = (share.float() + 1) / 2
    log_variance = fraction * upper + (1 - fraction) * lower
    predicted_clean = schedule.clean(noisy, predicted, timestep)
    of_clean = previous**0.5 * beta / (1 - current)
    of_noisy = (current / previous) ** 0.5 * (1 - previous) / (1 - current)
    mean = of_clean * predicted_clean + of_noisy * noisy.float()
    if timestep == 0:
        bits = -_log_likelihood(clean.float(), mean, 0.5 * log_variance)
    else:
        truth = of_clean * clean.float() + of_noisy * noisy.float()
        squared_error = (truth - mean) ** 2 * torch.exp(-log_variance)
        bits = 0.5 * (log_variance - lower - 1 + torch.exp(lower - log_variance) + squared_error)
    return bits.mean() / math.log(2)


def _posterior_variance(schedule: Schedule, timestep: int) -> float:
    """beta_tilde (2006.11239, eq. 7)."""
    current, previous = float(schedule.alphas_cumprod[timestep]), float(schedule.alphas_cumprod[timestep - 1])
    return (1 - current / previous) * (1 - previous) / (1 - current)


def _log_likelihood(values: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log-likelihood in bins of a normal distribution (2006.11239, section 3.3); the outermost bins are open."""
    scale = torch.exp(-log_std)
    above = torch.special.ndtr((values - mean + _BIN) * scale)
    below = torch.special.ndtr((values - mean - _BIN) * scale)
    inside = torch.where(values < -0.999, above, torch.where(values > 0.999, 1 - below, above - below))
    return inside.clamp(min=1e-12).log()
