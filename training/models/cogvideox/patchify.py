"""From latents to patches and back.

A patch is flattened as (channel, frame, row, column), which is the order of both of CogVideoX's patch embeddings.

    python -m pytest tests/training/models/cogvideox
"""

import torch
from torch import Tensor

from schemas.errors import ConfigError
from training.models.cogvideox.positions import Grid


def grid_of(shape: torch.Size | tuple[int, ...], patch: int, patch_frames: int) -> Grid:
    """Patches along time, height and width of latents [F, C, H, W]. Raises `ConfigError` if they do not divide."""
    frames, _, height, width = shape
    if frames % patch_frames:
        raise ConfigError(
            f"{frames} latent frames do not divide by patch_frames = {patch_frames}; repeat the first frame in front "
            "(training.models.repeat)"
        )
    if height % patch or width % patch:
        raise ConfigError(
            f"latents of {height}x{width} do not divide by patch = {patch}; take sides that divide by {8 * patch}"
        )
    return frames // patch_frames, height // patch, width // patch


def patchify(latents: Tensor, patch: int, patch_frames: int) -> Tensor:
    """Latents [F, C, H, W] as patches [tokens, C * q * p * p], tokens in order of time, height, width."""
    frames, height, width = grid_of(latents.shape, patch, patch_frames)
    cut = latents.view(frames, patch_frames, -1, height, patch, width, patch)
    return cut.permute(0, 3, 5, 2, 1, 4, 6).reshape(frames * height * width, -1)


def unpatchify(patches: Tensor, grid: Grid, patch: int, patch_frames: int) -> Tensor:
    """Patches [tokens, C * q * p * p] as latents [F, C, H, W]: what `patchify` undoes."""
    frames, height, width = grid
    cut = patches.view(frames, height, width, -1, patch_frames, patch, patch)
    return cut.permute(0, 4, 3, 1, 5, 2, 6).reshape(frames * patch_frames, -1, height * patch, width * patch)
