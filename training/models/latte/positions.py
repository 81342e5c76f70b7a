"""Where a patch stands in its frame, and a frame in its clip.

Places in a frame are added sines, spread over a grid of fixed extent whatever the number of patches, so that a larger
picture has places in between (interpolation). Places in time count frames from 0: added sines, or rotations.

    python -m pytest tests/training/models/latte/test_positions.py
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

_THETA = 10000.0


@lru_cache(maxsize=64)
def spatial_sines(height: int, across: int, width: int, base: int, scale: float) -> Tensor:
    """What is added to a frame's patches [height * across, width], float32; the first half tells the column.

    `base` is the number of steps that any grid is spread over, `scale` divides them.
    """
    # In single precision as far as diffusers has it, so that both are equal to the last bit.
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
    """What is added to a clip's frames [frames, width], float32."""
    return _sines(torch.arange(frames), width).float()


@lru_cache(maxsize=64)
def temporal_turns(frames: int, head_width: int) -> Tensor:
    """Complex numbers of length 1 [frames, head_width / 2] that turn a head's neighbouring pairs."""
    frequencies = _THETA ** -(torch.arange(0, head_width, 2, dtype=torch.float64) / head_width)
    angles = torch.outer(torch.arange(frames, dtype=torch.float64), frequencies)
    return torch.polar(torch.ones_like(angles), angles).to(torch.complex64)


def resample_table(table: Tensor, height: int, across: int) -> Tensor:
    """A saved table of places [1, side * side, width] for another grid [1, height * across, width]; bicubic."""
    side = round(table.shape[1] ** 0.5)
    assert side * side == table.shape[1], f"a table of {table.shape[1]} places is no square"
    if (height, across) == (side, side):
        return table
    square = table.view(len(table), side, side, -1).permute(0, 3, 1, 2)
    found = F.interpolate(square, size=(height, across), mode="bicubic", align_corners=False)
    return found.flatten(2).transpose(1, 2)


def _sines(places: Tensor, width: int) -> Tensor:
    frequencies = _THETA ** -(torch.arange(width // 2, dtype=torch.float64) / (width / 2))
    angles = torch.outer(places.double(), frequencies)
    return torch.cat([angles.sin(), angles.cos()], dim=1)
