"""What a forward pass costs in floating-point operations (a multiplication and an addition are two).

Frames attend within themselves, then to the same place in the others, so a clip of F frames of N patches costs
F N (N + F) where full attention costs (F N)^2. Modulation and the condition work once per clip, captions' keys and
values once per caption.

    python -m pytest tests/training/models/latte/test_flops.py
"""

from collections.abc import Sequence

from training.models.latte.config import LatteConfig
from training.models.latte.count import SINUSOID

Grid = tuple[int, int, int]
"""Patches along time, height and width."""


def forward_flops(config: LatteConfig, grid: Grid, text_length: int | None = None) -> float:
    """Operations of one clip or picture; `text_length` is its caption's, if it is not the configuration's."""
    frames, places = grid[0], grid[1] * grid[2] + int(config.condition_form == "tokens")
    tokens = frames * places
    text = (config.text_length if text_length is None else text_length) if config.conditioning == "text" else 0
    width, inner, spatial = config.width, config.axis_width, config.spatial_blocks
    temporal = spatial if frames > 1 else 0
    per_token = (
        spatial * (4 * width * inner + 2 * places * inner)
        + temporal * (4 * width * inner + 2 * frames * inner)
        + 8 * width**2 * (spatial if config.joint else spatial + temporal)
        + (spatial * (2 * width**2 + 2 * text * width) if text else 0)
        + width * config.output_values
    )
    patches = frames * grid[1] * grid[2] * width * config.patch_values
    per_text = (spatial * 2 + 1) * width**2 + (config.caption_width or config.text_width) * width
    per_text += config.text_width * config.caption_width
    upsample = frames * grid[1] * grid[2] * config.patch**2 * config.out_channels**2 * config.patch_frames
    once = _modulation(config, frames > 1) + (3 if config.tells_rate else 1) * (SINUSOID * width + width**2)
    return 2.0 * (tokens * per_token + patches + text * per_text + once + upsample * int(config.patch_frames > 1))


def _modulation(config: LatteConfig, clip: bool) -> int:
    joint = 3 * int(config.joint)
    if config.modulation == "shared":
        return (6 + joint) * config.width**2
    if config.modulation == "own":
        blocks = config.layers if clip or config.joint else config.spatial_blocks
        return (6 * blocks + joint * int(clip) * config.layers + 2) * config.width**2
    return 0


def training_flops(config: LatteConfig, lengths: Sequence[int]) -> float:
    """Operations of a forward and a backward pass over segments of so many patches, whose shape is not told.

    Estimated for frames as large as the configuration's `sample_size`; a backward pass costs two forward ones.
    """
    side = config.sample_size // config.patch
    found = 0.0
    for length in lengths:
        frames = min(max(1, round(length / side**2)), config.frames)
        found += forward_flops(config, (frames, 1, max(1, round(length / frames))))
    return 3 * found
