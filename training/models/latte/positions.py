"""Position embeddings of patches in a frame and of frames in a clip.

Spatial positions are added sin-cos embeddings over a grid of fixed extent whatever the number of patches, so a larger
image gets positions in between (interpolation). Temporal positions count frames from 0: added sin-cos, or rotary.

    added = spatial_sines(32, 32, width=1152, base=32, scale=1.0)      # [1024, 1152]
    freqs = temporal_freqs(16, head_dim=72)                            # [16, 36], complex64
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

_THETA = 10000.0


@lru_cache(maxsize=64)
def spatial_sines(height: int, across: int, width: int, base: int, scale: float) -> Tensor:
    """Embedding added to a frame's patches [height * across, width], float32; the first half encodes the column.

    Any grid spans `base` steps, divided by `scale`.
    """
    # Single precision exactly where diffusers has it, so that both are bit-identical.
    rows = torch.arange(height, dtype=torch.float32) / (height / base) / scale
    columns = torch.arange(across, dtype=torch.float32) / (across / base) / scale
    grid = (height, across, width // 2)
    parts = [
        _sines(columns, width // 2)[None].expand(grid),
        _sines(rows, width // 2)[:, None].expand(grid),
    ]
    return torch.cat(parts, dim=-1).reshape(-1, width).float()


@lru_cache(maxsize=64)
def temporal_sines(frames: int, width: int) -> Tensor:
    """Embedding added to a clip's frames [frames, width], float32."""
    return _sines(torch.arange(frames), width).float()


@lru_cache(maxsize=64)
def temporal_freqs(frames: int, head_dim: int) -> Tensor:
    """Rotary embedding [frames, head_dim / 2], complex64 of magnitude 1, of a head's neighbouring channel pairs."""
    frequencies = _THETA ** -(torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    angles = torch.outer(torch.arange(frames, dtype=torch.float64), frequencies)
    return torch.polar(torch.ones_like(angles), angles).to(torch.complex64)


def resample_table(table: Tensor, height: int, across: int) -> Tensor:
    """Resample a table of positions [1, side * side, width] to another grid [1, height * across, width]; bicubic."""
    side = round(table.shape[1] ** 0.5)
    assert side * side == table.shape[1], f"a table of {table.shape[1]} positions is not square"
    if (height, across) == (side, side):
        return table
    square = table.view(len(table), side, side, -1).permute(0, 3, 1, 2)
    resampled = F.interpolate(square, size=(height, across), mode="bicubic", align_corners=False)
    return resampled.flatten(2).transpose(1, 2)


def _sines(positions: Tensor, width: int) -> Tensor:
    frequencies = _THETA ** -(torch.arange(width // 2, dtype=torch.float64) / (width / 2))
    angles = torch.outer(positions.double(), frequencies)
    return torch.cat([angles.sin(), angles.cos()], dim=1)
