"""Repeats the first latent frame until the frame count divides by the temporal patch size.

latents = repeat_first_frame(latents, patch_frames=2)      # [13, C, H, W] becomes [14, C, H, W]
"""

import torch
from torch import Tensor


def repeat_first_frame(latents: Tensor, patch_frames: int) -> Tensor:
    """Latents [T, C, H, W] with the first frame repeated in front until T divides by `patch_frames`.

    `-T % patch_frames` copies stand in front because the sampler drops the leading frames (CogVideo issues 524 and
    782). Each copy gets its own noise. An image becomes a patch of copies of itself.
    """
    missing = -len(latents) % patch_frames
    return torch.cat([latents[:1]] * missing + [latents]) if missing else latents
