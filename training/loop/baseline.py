"""The best linear predictor at each noise level: the baseline that a trained model must beat.

At a noise level with alpha_bar = a^2 and 1 - alpha_bar = b^2, the best linear prediction of the target p x_0 + q noise
(v: p = -b, q = a) from a patch of x_t is

    W = (a p C + b q I) (a^2 C + b^2 I)^-1,        c = (p I - a W) m

where m and C are mean and covariance of the clean patches (the normal equations, with unit noise that is independent of
the patch). Its input is a single patch, like that of the transformer's embedding, without neighbours or caption.

    predictor = fit_linear(latents, schedule, patch=2, patch_frames=1)
    predictions = predictor([Segment(latents, text, timestep=500), ...])
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from training.diffusion.schedule import Schedule
from training.models.cogvideox.patchify import grid_of, patchify, unpatchify
from training.models.segment import Segment


class LinearPredictor(nn.Module):
    """A drop-in replacement for the model: one prediction per segment. `mean` [patch_dim], `covariance` its square."""

    def __init__(self, mean: Tensor, covariance: Tensor, schedule: Schedule, patch: int, patch_frames: int) -> None:
        super().__init__()
        self._schedule, self._patch, self._patch_frames = schedule, patch, patch_frames
        self.mean = nn.Parameter(mean.double(), requires_grad=False)
        self.covariance = nn.Parameter(covariance.double(), requires_grad=False)

    def forward(self, segments: Sequence[Segment]) -> list[Tensor]:
        """One prediction [T, C, H, W] per segment."""
        return [self._predict(segment) for segment in segments]

    def _predict(self, segment: Segment) -> Tensor:
        matrix, offset = self._solve(segment.timestep)
        grid = grid_of(segment.latents.shape, self._patch, self._patch_frames)
        patches = patchify(segment.latents, self._patch, self._patch_frames).double()
        prediction = unpatchify(patches @ matrix.T + offset, grid, self._patch, self._patch_frames)
        return prediction.to(segment.latents.dtype)

    def _solve(self, timestep: int) -> tuple[Tensor, Tensor]:
        alpha = float(self._schedule.alphas_cumprod[timestep])
        a, b = alpha**0.5, (1 - alpha) ** 0.5
        unit = torch.eye(len(self.mean), dtype=torch.float64, device=self.mean.device)
        noisy_covariance = alpha * self.covariance + (1 - alpha) * unit
        # Both factors are functions of C and commute, so the order of the solve does not matter.
        p, q = self._schedule.target_coefficients(timestep)
        matrix = torch.linalg.solve(noisy_covariance, a * p * self.covariance + b * q * unit)
        return matrix, p * self.mean - a * (matrix @ self.mean)


def fit_linear(latents: Iterable[Tensor], schedule: Schedule, patch: int, patch_frames: int) -> LinearPredictor:
    """Fit the predictor on clean latents [T, C, H, W] of training clips."""
    count, total, products = 0, torch.zeros(()), torch.zeros(())
    for clip in latents:
        patches = patchify(clip.cpu(), patch, patch_frames).double()
        count += len(patches)
        total = total + patches.sum(dim=0)
        products = products + patches.T @ patches
    mean = total / count
    return LinearPredictor(mean, products / count - torch.outer(mean, mean), schedule, patch, patch_frames)
