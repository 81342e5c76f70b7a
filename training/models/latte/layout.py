"""Groups the clips and images of a call into stacks of equal shape, and runs attention on each stack.

All tokens of a call form one sequence, so token-wise layers run once for all of them. Only attention depends on shapes:
spatial attention batches all frames with the same number of patches; temporal and cross-attention run per stack. Blocks
are called once per step whatever a pack holds, as sharding (FSDP2) requires: without a clip the temporal layers get no
tokens, and their gradient is 0.

    layout = Layout(stack_up([Stack(patches=4, frames=1, text=7), Stack(patches=4, frames=8, text=7)]))
    out = layout.attend_in_frames(queries, keys, values)      # each [tokens, heads, head_dim]
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True, order=True)
class Stack:
    """`clips` consecutive clips of one shape: tokens per frame, frames, and tokens of the caption."""

    patches: int
    frames: int
    text: int
    clips: int = 1

    @property
    def tokens(self) -> int:
        """Tokens of all its clips, without captions."""
        return self.clips * self.frames * self.patches


@dataclass(frozen=True)
class Layout:
    """The shapes of a call. A stack of one frame holds images.

    `freqs` [clips' tokens, head_dim / 2], complex64, are the rotary embeddings in time, None for a model without them.
    """

    stacks: tuple[Stack, ...]
    freqs: Tensor | None = None

    @cached_property
    def clips(self) -> "Layout":
        """The stacks that have more than one frame."""
        return replace(self, stacks=tuple(stack for stack in self.stacks if stack.frames > 1))

    @property
    def rows(self) -> list[int]:
        """Tokens per clip, in order."""
        return [stack.tokens // stack.clips for stack in self.stacks for _ in range(stack.clips)]

    def spread(self, rows: Tensor) -> Tensor:
        """Repeat rows per clip [clips, width] into rows per token [tokens, width]; a single row is returned as is."""
        counts = self.rows
        if len(counts) <= 1:
            return rows
        return rows.repeat_interleave(torch.tensor(counts, device=rows.device), dim=0, output_size=sum(counts))

    def take_clips(self, x: Tensor) -> Tensor:
        """The tokens of clips among all tokens `x` [tokens, width]."""
        parts = torch.split(x, [stack.tokens for stack in self.stacks])
        kept = [part for part, stack in zip(parts, self.stacks, strict=True) if stack.frames > 1]
        return torch.cat(kept) if kept else x[:0]

    def put_clips(self, x: Tensor, changed: Tensor) -> Tensor:
        """All tokens `x` [tokens, width] with those of clips replaced by `changed` [clips' tokens, width]."""
        parts = torch.split(x, [stack.tokens for stack in self.stacks])
        new = iter(torch.split(changed, [stack.tokens for stack in self.clips.stacks]) if self.clips.stacks else ())
        merged = [next(new) if stack.frames > 1 else part for part, stack in zip(parts, self.stacks, strict=True)]
        # Without a clip `changed` is empty, but it keeps the temporal weights in the autograd graph.
        return torch.cat([*merged, changed[:0]])

    def choose_clips(self, rows: Tensor) -> Tensor:
        """The clips' rows among one row per clip and image [..., clips and images, width]."""
        kept = [index for index, stack in enumerate(_single(self.stacks)) if stack.frames > 1]
        return rows if len(kept) == rows.shape[-2] else rows[..., kept, :]

    def attend_in_frames(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attention of [tokens, heads, head_dim] within each frame; returns the same shape."""
        shapes = []
        for patches, stacks in groupby(self.stacks, key=lambda stack: stack.patches):
            shapes.append((sum(stack.clips * stack.frames for stack in stacks), patches))
        return _attend((queries, keys, values), (shapes, shapes, shapes))

    def attend_across_frames(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attention of [tokens, heads, head_dim] between the same patch of a clip's frames; returns the same shape."""
        lengths = [stack.tokens for stack in self.stacks]
        if not lengths:
            return queries + keys + values
        outputs = []
        for stack, *parts in zip(self.stacks, *(torch.split(x, lengths) for x in (queries, keys, values)), strict=True):
            shape = (stack.clips, stack.frames, stack.patches, *queries.shape[1:])
            query, key, value = (part.reshape(shape).permute(0, 2, 3, 1, 4).flatten(0, 1) for part in parts)
            out = F.scaled_dot_product_attention(query, key, value)
            out = out.reshape(stack.clips, stack.patches, *out.shape[1:])
            outputs.append(out.permute(0, 3, 1, 2, 4).flatten(0, 2))
        return torch.cat(outputs)

    def attend_to_text(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attention of tokens to their clip's caption.

        `queries` [tokens, heads, head_dim], `keys` and `values` [text tokens, heads, head_dim] in the clips' order;
        returns [tokens, heads, head_dim].
        """
        tokens = [(stack.clips, stack.frames * stack.patches) for stack in self.stacks]
        texts = [(stack.clips, stack.text) for stack in self.stacks]
        return _attend((queries, keys, values), (tokens, texts, texts))


def stack_up(shapes: Sequence[Stack]) -> tuple[Stack, ...]:
    """Merge sorted stacks of one clip each into stacks of equal shape."""
    return tuple(replace(shape, clips=len(list(same))) for shape, same in groupby(shapes))


def _single(stacks: Sequence[Stack]) -> list[Stack]:
    return [stack for stack in stacks for _ in range(stack.clips)]


def _attend(parts: Sequence[Tensor], shapes: Sequence[Sequence[tuple[int, int]]]) -> Tensor:
    """Attention on the (batch, length) pieces that queries, keys and values are split into."""
    pieces = []
    for part, shape in zip(parts, shapes, strict=True):
        split = torch.split(part, [batch * length for batch, length in shape])
        pieces.append(
            [
                tensor.reshape(*size, *tensor.shape[1:]).transpose(1, 2)
                for tensor, size in zip(split, shape, strict=True)
            ]
        )
    outputs = [F.scaled_dot_product_attention(*piece) for piece in zip(*pieces, strict=True)]
    return torch.cat([out.transpose(1, 2).flatten(0, 1) for out in outputs])
