"""Inflates diffusers' `UNet2DConditionModel` to clips, through hooks of diffusers and torch, without copying code.

Self-attention gets another processor, each transformer block is followed by a temporal attention, and, if asked for,
group norms are replaced. Every weight of the image model keeps its name; the new ones are `norm_temp` and `attn_temp`,
as in the published Tune-A-Video.

    length = ClipLength()
    inflate(unet, length, norm="frame")
"""

from typing import Literal

from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

from schemas.errors import ConfigError
from training.models.tune_a_video.attention import ClipLength, SparseCausalAttention, add_temporal_attention
from training.models.tune_a_video.norms import ClipGroupNorm

GroupNorm = Literal["frame", "clip"]

# Inputs that a UNet can need besides latents, timestep and caption; none of them is provided here.
_UNKNOWN = ("addition_embed_type", "class_embed_type", "encoder_hid_dim_type", "time_cond_proj_dim")


def inflate(unet: UNet2DConditionModel, length: ClipLength, norm: GroupNorm) -> None:
    """Change the UNet in place. Raises `ConfigError` for a UNet whose architecture is not Stable Diffusion 1 or 2's."""
    for setting in _UNKNOWN:
        if unet.config.get(setting) is not None:
            raise ConfigError(
                f"the UNet has {setting} = {unet.config[setting]!r}, an input that Tune-A-Video does not provide; "
                "take a UNet of Stable Diffusion 1 or 2"
            )
    blocks = transformer_blocks(unet)
    if not blocks or any(block.only_cross_attention or block.norm_type != "layer_norm" for block in blocks):
        raise ConfigError("the UNet has no transformer blocks with self-attention; take one of Stable Diffusion 1 or 2")
    for block in blocks:
        block.attn1.set_processor(SparseCausalAttention(length))
        add_temporal_attention(block, length)
    if norm == "clip":
        for module in unet.modules():
            if isinstance(module, ResnetBlock2D):
                module.norm1, module.norm2 = ClipGroupNorm(module.norm1, length), ClipGroupNorm(module.norm2, length)
        unet.conv_norm_out = ClipGroupNorm(unet.conv_norm_out, length)


def transformer_blocks(unet: nn.Module) -> list[BasicTransformerBlock]:
    """All transformer blocks, in order."""
    return [module for module in unet.modules() if isinstance(module, BasicTransformerBlock)]
