"""The repetition of the first latent frame, which models need whose patches span several frames.

python -m pytest tests/training/models/test_repeat.py
"""

import torch
from torch import Tensor


def repeat_first_frame(latents: Tensor, patch_frames: int) -> Tensor:
    """Latents [F, C, H, W] with the first frame repeated in front until F divides by q; the copies get their own noise.

    `(-F) % q` copies, in front, because the sampler drops the leading ones (CogVideo issues 524 and 782). A picture of
    one frame is a patch of copies of itself.
    """
    missing = -len(latents) % patch_frames
    return torch.cat([latents[:1]] * missing + [latents]) if missing else latents
