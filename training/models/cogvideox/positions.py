"""Position embeddings in time, height and width: 3D rotary for 5B and 1.5, added sin-cos for 2B.

Both start at zero for every clip and are sliced, not stretched: a larger clip continues where a smaller one ends
(extrapolation, 2408.06072, section 3.1). Text has no position: it is not rotated and nothing is added to it.

    cosines, sines = rotary((13, 30, 45), head_dim=64)                # each [17550, 64]
    added = sincos((13, 30, 45), 1920, spatial_scale=1.875, temporal_scale=1.0)      # [17550, 1920]
"""

from functools import lru_cache

import torch
from torch import Tensor

_THETA = 10000.0

Grid = tuple[int, int, int]
"""Number of patches along time, height and width."""


@lru_cache(maxsize=64)
def rotary(grid: Grid, head_dim: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [tokens, head_dim], float32, tokens in order of time, height, width.

    A quarter of `head_dim` encodes time, three eighths each encode height and width; neighbouring channels form pairs.
    """
    widths = (head_dim // 4, head_dim // 8 * 3, head_dim // 8 * 3)
    angles = []
    for axis, (length, width) in enumerate(zip(grid, widths, strict=True)):
        frequencies = _THETA ** -(torch.arange(0, width, 2, dtype=torch.float32)[: width // 2] / width)
        angle = torch.outer(torch.arange(length, dtype=torch.float32), frequencies).repeat_interleave(2, dim=1)
        shape = [1, 1, 1, width]
        shape[axis] = length
        angles.append(angle.view(shape).expand(*grid, width))
    joined = torch.cat(angles, dim=-1).reshape(-1, sum(widths))
    return joined.cos(), joined.sin()


def rotate(x: Tensor, freqs: Tensor) -> Tensor:
    """Apply the rotary embedding `freqs` to `x` [tokens, heads, head_dim], in float32 or better; same shape and dtype.

    `freqs` [tokens, head_dim / 2] are complex numbers of magnitude 1: a single product, where separate cosines and
    sines take five passes over memory.
    """
    exact = x.to(torch.promote_types(x.dtype, torch.float32))
    pairs = torch.view_as_complex(exact.view(*exact.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * freqs.unsqueeze(1)).flatten(-2).to(x.dtype)


@lru_cache(maxsize=64)
def sincos(grid: Grid, width: int, spatial_scale: float, temporal_scale: float) -> Tensor:
    """Embedding added to a clip's tokens [tokens, width], float32: a quarter encodes time, the rest width and height.

    Positions in space are divided by `spatial_scale`, positions in time by `temporal_scale`.
    """
    frames, height, across = grid
    time = _sines(torch.arange(frames) / temporal_scale, width // 4)
    row = _sines(torch.arange(height) / spatial_scale, width // 4 * 3 // 2)
    column = _sines(torch.arange(across) / spatial_scale, width // 4 * 3 // 2)
    parts = [
        time[:, None, None].expand(*grid, -1),
        column[None, None, :].expand(*grid, -1),
        row[None, :, None].expand(*grid, -1),
    ]
    return torch.cat(parts, dim=-1).reshape(-1, width).float()


def _sines(positions: Tensor, width: int) -> Tensor:
    frequencies = _THETA ** -(torch.arange(width // 2, dtype=torch.float64) / (width / 2))
    angles = torch.outer(positions.double(), frequencies)
    return torch.cat([angles.sin(), angles.cos()], dim=1)
