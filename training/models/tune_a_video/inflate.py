"""Makes diffusers' `UNet2DConditionModel` see clips, by what diffusers and torch offer for it and no copy of its code.

Self-attention gets another processor, each transformer block an attention over time after it, and, if asked for, group
norms are exchanged. Every weight of the image model keeps its name; the new ones are `norm_temp` and `attn_temp`, as in
the published Tune-A-Video.

    python -m pytest tests/training/models/tune_a_video
"""

from typing import Literal

from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

from schemas.errors import ConfigError
from training.models.tune_a_video.attention import ClipLength, SparseCausalAttention, add_attention_over_time
from training.models.tune_a_video.norms import ClipGroupNorm

GroupNorm = Literal["frame", "clip"]

# What a UNet may ask for beside a noisy picture, a timestep and a caption; nothing here gives it.
_UNKNOWN = ("addition_embed_type", "class_embed_type", "encoder_hid_dim_type", "time_cond_proj_dim")


def inflate(unet: UNet2DConditionModel, length: ClipLength, norm: GroupNorm) -> None:
    """Change the UNet in place. Raises `ConfigError` for a kind of UNet that is not Stable Diffusion 1 or 2's."""
    for setting in _UNKNOWN:
        if unet.config.get(setting) is not None:
            raise ConfigError(
                f"the UNet has {setting} = {unet.config[setting]!r}, which Tune-A-Video does not fill; take a UNet of "
                "Stable Diffusion 1 or 2"
            )
    blocks = transformer_blocks(unet)
    if not blocks or any(block.only_cross_attention or block.norm_type != "layer_norm" for block in blocks):
        raise ConfigError("the UNet has no transformer blocks with self-attention; take one of Stable Diffusion 1 or 2")
    for block in blocks:
        block.attn1.set_processor(SparseCausalAttention(length))
        add_attention_over_time(block, length)
    if norm == "clip":
        for part in unet.modules():
            if isinstance(part, ResnetBlock2D):
                part.norm1, part.norm2 = ClipGroupNorm(part.norm1, length), ClipGroupNorm(part.norm2, length)
        unet.conv_norm_out = ClipGroupNorm(unet.conv_norm_out, length)


def transformer_blocks(unet: nn.Module) -> list[BasicTransformerBlock]:
    """All transformer blocks, in order."""
    return [part for part in unet.modules() if isinstance(part, BasicTransformerBlock)]
