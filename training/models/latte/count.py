"""Parameter counts of the parts of a Latte from its configuration alone: for the doctor, and for counting FLOPs.

from training.models.latte.config import PRESETS
count_parameters(PRESETS["xl-2"])          # 673.7 million
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.models.latte.config import LatteConfig

SINUSOID = 256  # size of the sinusoidal timestep embedding, as in DiT (2212.09748)


def linear(inputs: int, outputs: int) -> int:
    """Parameters of a linear layer with a bias."""
    return (inputs + 1) * outputs


def attention(config: "LatteConfig") -> int:
    """Parameters of one spatial or temporal self-attention."""
    return 3 * linear(config.width, config.inner_dim) + linear(config.inner_dim, config.width)


def cross_attention(config: "LatteConfig") -> int:
    """Parameters of one block's cross-attention to the caption; 0 without text."""
    return 4 * linear(config.width, config.width) if config.conditioning == "text" else 0


def feed_forward(config: "LatteConfig") -> int:
    """Parameters of one block's feed-forward layers."""
    return linear(config.width, 4 * config.width) + linear(4 * config.width, config.width)


def modulation(config: "LatteConfig") -> int:
    """Parameters that run once per segment: all shifts, scales and gates; 0 with condition tokens."""
    width = config.width
    rows = 6 * config.layers + 3 * config.layers * int(config.joint)
    if config.modulation == "own":
        return rows * (width + 1) * width + linear(width, 2 * width)
    if config.modulation == "shared":
        return rows * width + linear(width, 6 * width) + linear(width, 3 * width) * int(config.joint) + 2 * width
    return 0


def condition(config: "LatteConfig") -> int:
    """Parameters that embed the condition: timestep, class, frame rate and frame count."""
    time_embedding = linear(SINUSOID, config.width) + linear(config.width, config.width)
    classes = (config.classes + 1) * config.width if config.conditioning == "class" else 0
    return time_embedding * (3 if config.tells_rate else 1) + classes


def caption(config: "LatteConfig") -> int:
    """Parameters between the text embeddings and the blocks: adapter and projection."""
    if config.conditioning != "text":
        return 0
    adapter = linear(config.text_dim, config.caption_dim) if config.caption_dim else 0
    return adapter + linear(config.caption_dim or config.text_dim, config.width) + linear(config.width, config.width)


def count_parameters(config: "LatteConfig") -> int:
    """Total number of parameters."""
    width, blocks = config.width, config.spatial_blocks
    attentions = 2 * blocks * attention(config)
    feeds = config.layers * feed_forward(config)
    norms = 2 * width * (config.layers * (3 if config.joint else 2) + 1) if config.modulation == "none" else 0
    ends = linear(config.patch_dim, width) + linear(width, config.output_dim) + config.position_table**2 * width
    upsample = config.out_channels**2 * config.patch_frames + config.out_channels if config.patch_frames > 1 else 0
    gate = int(config.temporal_positions == "sincos")
    inside = attentions + blocks * cross_attention(config) + feeds + norms + modulation(config)
    return inside + condition(config) + caption(config) + ends + upsample + gate
