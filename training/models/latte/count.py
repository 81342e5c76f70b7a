"""How many weights each part of a Latte has, by its configuration alone: for the doctor, and for counting operations.

python -m pytest tests/training/models/latte/test_config.py
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.models.latte.config import LatteConfig

SINUSOID = 256  # numbers that tell a timestep, as in DiT (2212.09748)


def linear(inputs: int, outputs: int) -> int:
    """Weights of a linear layer with a bias."""
    return (inputs + 1) * outputs


def attention(config: "LatteConfig") -> int:
    """Weights of one attention within a frame or across frames."""
    return 3 * linear(config.width, config.axis_width) + linear(config.axis_width, config.width)


def cross_attention(config: "LatteConfig") -> int:
    """Weights of the attention to the caption in one block that has it."""
    return 4 * linear(config.width, config.width) if config.conditioning == "text" else 0


def feed_forward(config: "LatteConfig") -> int:
    """Weights of a block's feed-forward layers."""
    return linear(config.width, 4 * config.width) + linear(4 * config.width, config.width)


def modulation(config: "LatteConfig") -> int:
    """Weights that work once per segment: all shifts, scales and gates. With condition tokens, none."""
    width = config.width
    rows = 6 * config.layers + 3 * config.layers * int(config.joint)
    if config.modulation == "own":
        return rows * (width + 1) * width + linear(width, 2 * width)
    if config.modulation == "shared":
        return rows * width + linear(width, 6 * width) + linear(width, 3 * width) * int(config.joint) + 2 * width
    return 0


def condition(config: "LatteConfig") -> int:
    """Weights that make the condition out of time, class, frame rate and frame count."""
    clock = linear(SINUSOID, config.width) + linear(config.width, config.width)
    classes = (config.classes + 1) * config.width if config.conditioning == "class" else 0
    return clock * (3 if config.tells_rate else 1) + classes


def caption(config: "LatteConfig") -> int:
    """Weights between text states and the blocks: adapter and projection."""
    if config.conditioning != "text":
        return 0
    adapter = linear(config.text_width, config.caption_width) if config.caption_width else 0
    return (
        adapter + linear(config.caption_width or config.text_width, config.width) + linear(config.width, config.width)
    )


def count_parameters(config: "LatteConfig") -> int:
    """All weights."""
    width, blocks = config.width, config.spatial_blocks
    attentions = 2 * blocks * attention(config)
    feeds = config.layers * feed_forward(config)
    norms = 2 * width * (config.layers * (3 if config.joint else 2) + 1) if config.modulation == "none" else 0
    ends = linear(config.patch_values, width) + linear(width, config.output_values) + config.position_table**2 * width
    upsample = config.out_channels**2 * config.patch_frames + config.out_channels if config.patch_frames > 1 else 0
    gate = int(config.temporal_positions == "sincos")
    inside = attentions + blocks * cross_attention(config) + feeds + norms + modulation(config)
    return inside + condition(config) + caption(config) + ends + upsample + gate
