"""Attention across frames for an image model: to the first and the previous frame, and temporal attention.

Frames are folded into the batch, [B * T, ...], so the rest of the model processes each frame by itself. Both kinds of
attention come from Tune-A-Video (2212.11565, section 3.2). The output for a single frame, or for identical frames,
equals the image model's: repeated keys do not change a softmax, and the temporal attention's output starts at zero.

    length = ClipLength()
    block.attn1.set_processor(SparseCausalAttention(length))
    add_temporal_attention(block, length)
    with length.of(frames=8):
        unet(latents, timesteps, text)      # latents [B * 8, C, H, W]
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn


class ClipLength:
    """Number of frames per clip in the current call, for the layers that attend across frames."""

    def __init__(self) -> None:
        self.frames = 1

    @contextmanager
    def of(self, frames: int) -> Iterator[None]:
        """Set the number of frames inside the `with` block."""
        before, self.frames = self.frames, frames
        try:
            yield
        finally:
            self.frames = before


class SparseCausalAttention:
    """A processor for diffusers' `Attention`: keys and values are those of the first and the previous frame."""

    def __init__(self, length: ClipLength) -> None:
        self._length = length

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Attention of `hidden_states` [B * T, tokens, C]; returns the same shape."""
        frames = self._length.frames
        query, key, value = attn.to_q(hidden_states), attn.to_k(hidden_states), attn.to_v(hidden_states)
        attended = nn.functional.scaled_dot_product_attention(
            _split(query, attn.heads),
            _split(first_and_previous(key, frames), attn.heads),
            _split(first_and_previous(value, frames), attn.heads),
            scale=attn.scale,
        )
        out: Tensor = attn.to_out[1](attn.to_out[0](attended.transpose(1, 2).flatten(2)))
        return out


def first_and_previous(tokens: Tensor, frames: int) -> Tensor:
    """Each frame's keys or values from `tokens` [B * T, tokens, C]: [B * T, 2 * tokens, C].

    The first frame gets itself twice. With one frame per clip `tokens` is returned as it is.
    """
    if frames == 1:
        return tokens
    clips = by_clip(tokens, frames)
    previous = torch.cat([clips[:, :1], clips[:, :-1]], dim=1)
    return torch.cat([clips[:, :1].expand_as(clips), previous], dim=2).flatten(0, 1)


def by_clip(folded: Tensor, frames: int) -> Tensor:
    """View [B * T, ...] as [B, T, ...]."""
    return folded.view(-1, frames, *folded.shape[1:])


def _split(tokens: Tensor, heads: int) -> Tensor:
    return tokens.view(*tokens.shape[:2], heads, -1).transpose(1, 2)


class TemporalAttention:
    """A forward hook of a transformer block: adds `block.attn_temp` between the same position of all frames."""

    def __init__(self, length: ClipLength) -> None:
        self._length = length

    def __call__(self, block: BasicTransformerBlock, inputs: object, hidden_states: Tensor) -> Tensor:
        """The block's output `hidden_states` [B * T, tokens, C] with its temporal attention added; same shape."""
        by_position = by_clip(hidden_states, self._length.frames).transpose(1, 2)  # [B, tokens, T, C]
        attended: Tensor = block.attn_temp(block.norm_temp(by_position.flatten(0, 1)))
        return hidden_states + attended.view_as(by_position).transpose(1, 2).flatten(0, 1)


def add_temporal_attention(block: BasicTransformerBlock, length: ClipLength) -> None:
    """Add `norm_temp` and `attn_temp` to a block, in place; the output layer's weight and bias are zero."""
    like = block.attn1
    block.norm_temp = nn.LayerNorm(block.dim)
    block.attn_temp = Attention(
        query_dim=block.dim, heads=like.heads, dim_head=like.inner_dim // like.heads, bias=like.to_q.bias is not None
    )
    zero_output(block)
    block.register_forward_hook(TemporalAttention(length))


def zero_output(block: BasicTransformerBlock) -> None:
    """Zero the output layer of the temporal attention, so that it adds nothing."""
    last = block.attn_temp.to_out[0]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
