"""FLOPs of a forward pass (a multiply-add counts as two).

Spatial attention is within a frame, temporal attention between the same patch of all frames, so attention of a clip of
F frames of N patches costs F N (N + F) where full attention costs (F N)^2. Modulation and the condition run once per
clip, captions' keys and values once per caption.

    forward_flops(PRESETS["latte-1"], grid=(16, 32, 32))
"""

from collections.abc import Sequence

from training.models.latte.config import LatteConfig
from training.models.latte.count import SINUSOID

Grid = tuple[int, int, int]
"""Number of patches along time, height and width."""


def forward_flops(config: LatteConfig, grid: Grid, text_length: int | None = None) -> float:
    """FLOPs of one clip or image; `text_length` are its caption's tokens, None for the configuration's."""
    frames, tokens_per_frame = grid[0], grid[1] * grid[2] + int(config.condition_form == "tokens")
    tokens = frames * tokens_per_frame
    text = (config.text_length if text_length is None else text_length) if config.conditioning == "text" else 0
    width, inner, spatial = config.width, config.inner_dim, config.spatial_blocks
    temporal = spatial if frames > 1 else 0
    per_token = (
        spatial * (4 * width * inner + 2 * tokens_per_frame * inner)
        + temporal * (4 * width * inner + 2 * frames * inner)
        + 8 * width**2 * (spatial if config.joint else spatial + temporal)
        + (spatial * (2 * width**2 + 2 * text * width) if text else 0)
        + width * config.output_dim
    )
    patches = frames * grid[1] * grid[2] * width * config.patch_dim
    per_text = (spatial * 2 + 1) * width**2 + (config.caption_dim or config.text_dim) * width
    per_text += config.text_dim * config.caption_dim
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
    """FLOPs of a forward and a backward pass over segments of `lengths` patches.

    An estimate: a length does not determine the shape, so frames are taken to be as large as the configuration's
    `sample_size`. A backward pass costs two forward passes.
    """
    side = config.sample_size // config.patch
    total = 0.0
    for length in lengths:
        frames = min(max(1, round(length / side**2)), config.frames)
        total += forward_flops(config, (frames, 1, max(1, round(length / frames))))
    return 3 * total
