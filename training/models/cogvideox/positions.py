"""Where a token stands in time, height and width: rotations for 5B and 1.5, added sines for 2B.

Both start at zero for every clip and are sliced, never stretched: a larger clip goes on where a smaller one ends
(extrapolation, 2408.06072, section 3.1). Text has no place: it is rotated by nothing and gets nothing added.

    python -m pytest tests/training/models/cogvideox
"""

from functools import lru_cache

import torch
from torch import Tensor

_THETA = 10000.0

Grid = tuple[int, int, int]
"""Patches along time, height and width."""


@lru_cache(maxsize=64)
def rotary(grid: Grid, head_width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [tokens, head_width], float32, tokens in order of time, height, width.

    A quarter of a head's width turns with time, three eighths each with height and width; neighbours form pairs.
    """
    widths = (head_width // 4, head_width // 8 * 3, head_width // 8 * 3)
    angles = []
    for axis, (length, width) in enumerate(zip(grid, widths, strict=True)):
        frequencies = _THETA ** -(torch.arange(0, width, 2, dtype=torch.float32)[: width // 2] / width)
        angle = torch.outer(torch.arange(length, dtype=torch.float32), frequencies).repeat_interleave(2, dim=1)
        shape = [1, 1, 1, width]
        shape[axis] = length
        angles.append(angle.view(shape).expand(*grid, width))
    everything = torch.cat(angles, dim=-1).reshape(-1, sum(widths))
    return everything.cos(), everything.sin()


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Turn the pairs of `x` [tokens, heads, head_width] by `turns`, in float32 or better.

    `turns` [tokens, head_width / 2] are complex numbers of length 1: one product, where cosines and sines take five
    passes over memory.
    """
    exact = x.to(torch.promote_types(x.dtype, torch.float32))
    pairs = torch.view_as_complex(exact.view(*exact.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns.unsqueeze(1)).flatten(-2).to(x.dtype)


@lru_cache(maxsize=64)
def sincos(grid: Grid, width: int, spatial_scale: float, temporal_scale: float) -> Tensor:
    """What is added to a clip's tokens [tokens, width], float32: a quarter tells time, the rest width and height."""
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


def _sines(places: Tensor, width: int) -> Tensor:
    frequencies = _THETA ** -(torch.arange(width // 2, dtype=torch.float64) / (width / 2))
    angles = torch.outer(places.double(), frequencies)
    return torch.cat([angles.sin(), angles.cos()], dim=1)
