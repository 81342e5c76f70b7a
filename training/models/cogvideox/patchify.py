"""From latents to patches and back.

A patch is flattened as (channel, frame, row, column), which is the order of both of CogVideoX's patch embeddings.

    patches = patchify(latents, patch=2, patch_frames=1)           # [T, C, H, W] to [tokens, C * 4]
    latents = unpatchify(patches, grid_of(latents.shape, 2, 1), patch=2, patch_frames=1)
"""

import torch
from torch import Tensor

from schemas.errors import ConfigError
from training.models.cogvideox.positions import Grid


def grid_of(shape: torch.Size | tuple[int, ...], patch: int, patch_frames: int) -> Grid:
    """Patches along time, height and width of latents [T, C, H, W]. Raises `ConfigError` if one is no integer."""
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
    """Latents [T, C, H, W] as patches [tokens, C * patch_frames * patch**2], tokens in order of time, height, width."""
    frames, height, width = grid_of(latents.shape, patch, patch_frames)
    split = latents.view(frames, patch_frames, -1, height, patch, width, patch)
    return split.permute(0, 3, 5, 2, 1, 4, 6).reshape(frames * height * width, -1)


def unpatchify(patches: Tensor, grid: Grid, patch: int, patch_frames: int) -> Tensor:
    """Patches [tokens, C * patch_frames * patch**2] as latents [T, C, H, W]: the inverse of `patchify`."""
    frames, height, width = grid
    split = patches.view(frames, height, width, -1, patch_frames, patch, patch)
    return split.permute(0, 4, 3, 1, 5, 2, 6).reshape(frames * patch_frames, -1, height * patch, width * patch)
