"""What lets an image model see a clip: attention to the first and the previous frame, and attention over time.

Frames are folded into the batch, [clips * frames, ...], so everything else of the model works on each frame by itself.
Both come from Tune-A-Video (2212.11565, section 3.2). A frame that is alone, or like all others, is seen just as the
image model sees it: repeated keys change no softmax, and what attention over time adds begins at zero.

    python -m pytest tests/training/models/tune_a_video
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn


class ClipLength:
    """How many frames the clips of the present call have, for the parts that look across frames."""

    def __init__(self) -> None:
        self.frames = 1

    @contextmanager
    def of(self, frames: int) -> Iterator[None]:
        """Clips of `frames` frames inside the block."""
        before, self.frames = self.frames, frames
        try:
            yield
        finally:
            self.frames = before


class SparseCausalAttention:
    """A processor of diffusers' `Attention`: keys and values are those of the first and of the previous frame."""

    def __init__(self, length: ClipLength) -> None:
        self._length = length

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Attend; `hidden_states` are [clips * frames, tokens, width]."""
        frames = self._length.frames
        query, key, value = attn.to_q(hidden_states), attn.to_k(hidden_states), attn.to_v(hidden_states)
        found = nn.functional.scaled_dot_product_attention(
            _split(query, attn.heads),
            _split(first_and_previous(key, frames), attn.heads),
            _split(first_and_previous(value, frames), attn.heads),
            scale=attn.scale,
        )
        together: Tensor = attn.to_out[1](attn.to_out[0](found.transpose(1, 2).flatten(2)))
        return together


def first_and_previous(tokens: Tensor, frames: int) -> Tensor:
    """Each frame's sources [clips * frames, 2 * tokens, width]; of the first frame both are itself."""
    if frames == 1:
        return tokens
    clips = by_clip(tokens, frames)
    previous = torch.cat([clips[:, :1], clips[:, :-1]], dim=1)
    return torch.cat([clips[:, :1].expand_as(clips), previous], dim=2).flatten(0, 1)


def by_clip(folded: Tensor, frames: int) -> Tensor:
    """[clips * frames, ...] as [clips, frames, ...]."""
    return folded.view(-1, frames, *folded.shape[1:])


def _split(tokens: Tensor, heads: int) -> Tensor:
    return tokens.view(*tokens.shape[:2], heads, -1).transpose(1, 2)


class AttentionOverTime:
    """Called after a block: adds what `block.attn_temp` sees of a place in all frames."""

    def __init__(self, length: ClipLength) -> None:
        self._length = length

    def __call__(self, block: BasicTransformerBlock, given: object, states: Tensor) -> Tensor:
        """States [clips * frames, tokens, width] of the block with its attention over time added."""
        over_time = by_clip(states, self._length.frames).transpose(1, 2)  # [clips, tokens, frames, width]
        seen: Tensor = block.attn_temp(block.norm_temp(over_time.flatten(0, 1)))
        return states + seen.view_as(over_time).transpose(1, 2).flatten(0, 1)


def add_attention_over_time(block: BasicTransformerBlock, length: ClipLength) -> None:
    """Give a block `norm_temp` and `attn_temp`, whose output is zero, weight and bias."""
    like = block.attn1
    block.norm_temp = nn.LayerNorm(block.dim)
    block.attn_temp = Attention(
        query_dim=block.dim, heads=like.heads, dim_head=like.inner_dim // like.heads, bias=like.to_q.bias is not None
    )
    zero_output(block)
    block.register_forward_hook(AttentionOverTime(length))


def zero_output(block: BasicTransformerBlock) -> None:
    """Let attention over time add nothing."""
    last = block.attn_temp.to_out[0]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
