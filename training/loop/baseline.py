"""The best linear predictor at each noise level: what a model must beat to have learnt more than a matrix knows.

At a noise level with signal a^2 and noise b^2, the target p x_0 + q noise (v: p = -b, q = a) is best predicted from a
patch of x_t linearly by

    W = (a p C + b q I) (a^2 C + b^2 I)^-1,        c = (p I - a W) m

where m and C are mean and covariance of the clean patches (the normal equations, with unit noise that is independent of
the patch). It sees one patch, as the transformer's embedding does, and neither neighbours nor caption.

    just train demo          # prints its held-out loss beside the model's
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from training.diffusion.schedule import Schedule
from training.models.cogvideox.patchify import grid_of, patchify, unpatchify
from training.models.segment import Segment


class LinearPredictor(nn.Module):
    """Stands where the transformer stands: segments in, one prediction per segment out."""

    def __init__(self, mean: Tensor, covariance: Tensor, schedule: Schedule, patch: int, patch_frames: int) -> None:
        super().__init__()
        self._schedule, self._patch, self._patch_frames = schedule, patch, patch_frames
        self.mean = nn.Parameter(mean.double(), requires_grad=False)
        self.covariance = nn.Parameter(covariance.double(), requires_grad=False)

    def forward(self, segments: Sequence[Segment]) -> list[Tensor]:
        """One prediction [F, C, H, W] per segment."""
        return [self._predict(one) for one in segments]

    def _predict(self, segment: Segment) -> Tensor:
        matrix, offset = self._solve(segment.timestep)
        grid = grid_of(segment.latents.shape, self._patch, self._patch_frames)
        patches = patchify(segment.latents, self._patch, self._patch_frames).double()
        found = unpatchify(patches @ matrix.T + offset, grid, self._patch, self._patch_frames)
        return found.to(segment.latents.dtype)

    def _solve(self, timestep: int) -> tuple[Tensor, Tensor]:
        signal = float(self._schedule.signal[timestep])
        a, b = signal**0.5, (1 - signal) ** 0.5
        unit = torch.eye(len(self.mean), dtype=torch.float64, device=self.mean.device)
        spread = signal * self.covariance + (1 - signal) * unit
        # Both factors are functions of C and commute, so the order of the solve does not matter.
        p, q = self._schedule.target_shares(timestep)
        matrix = torch.linalg.solve(spread, a * p * self.covariance + b * q * unit)
        return matrix, p * self.mean - a * (matrix @ self.mean)


def fit_linear(latents: Iterable[Tensor], schedule: Schedule, patch: int, patch_frames: int) -> LinearPredictor:
    """The predictor for clean latents [F, C, H, W] of training clips."""
    count, total, products = 0, torch.zeros(()), torch.zeros(())
    for clip in latents:
        patches = patchify(clip.cpu(), patch, patch_frames).double()
        count += len(patches)
        total = total + patches.sum(dim=0)
        products = products + patches.T @ patches
    mean = total / count
    return LinearPredictor(mean, products / count - torch.outer(mean, mean), schedule, patch, patch_frames)
