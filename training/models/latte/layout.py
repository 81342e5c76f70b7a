"""Which tokens attend to which: a call's clips and pictures sorted into stacks of equal shape, and attention in them.

All tokens of a call stand in one row, so whatever is done token by token is done once for all. Only attention looks at
shapes: within frames, those of all clips and pictures with as many patches go together; across frames, and to captions,
each stack by itself. Blocks are called once per step whatever a pack holds, as sharding (FSDP2) needs it: if there is
no clip, temporal layers get no tokens, and their gradient is 0.

    python -m pytest tests/training/models/latte/test_layout.py
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
    """`clips` neighbours of one shape: tokens per frame, frames, and tokens of the caption."""

    places: int
    frames: int
    text: int
    clips: int = 1

    @property
    def tokens(self) -> int:
        """Tokens of all its clips, captions not counted."""
        return self.clips * self.frames * self.places


@dataclass(frozen=True)
class Layout:
    """The shapes of a call. A stack of one frame holds pictures. `turns` rotates clips' frames, if anything does."""

    stacks: tuple[Stack, ...]
    turns: Tensor | None = None

    @cached_property
    def clips(self) -> "Layout":
        """The stacks that have more than one frame."""
        return replace(self, stacks=tuple(stack for stack in self.stacks if stack.frames > 1))

    @property
    def rows(self) -> list[int]:
        """Tokens per clip, in order."""
        return [stack.tokens // stack.clips for stack in self.stacks for _ in range(stack.clips)]

    def spread(self, rows: Tensor) -> Tensor:
        """One row per clip [clips, width] as one per token; a single row is left to be broadcast."""
        counts = self.rows
        if len(counts) <= 1:
            return rows
        return rows.repeat_interleave(torch.tensor(counts, device=rows.device), dim=0, output_size=sum(counts))

    def take_clips(self, x: Tensor) -> Tensor:
        """The tokens of `clips` out of all of them."""
        parts = torch.split(x, [stack.tokens for stack in self.stacks])
        found = [part for part, stack in zip(parts, self.stacks, strict=True) if stack.frames > 1]
        return torch.cat(found) if found else x[:0]

    def put_clips(self, x: Tensor, changed: Tensor) -> Tensor:
        """All tokens, those of `clips` replaced."""
        parts = torch.split(x, [stack.tokens for stack in self.stacks])
        new = iter(torch.split(changed, [stack.tokens for stack in self.clips.stacks]) if self.clips.stacks else ())
        found = [next(new) if stack.frames > 1 else part for part, stack in zip(parts, self.stacks, strict=True)]
        # Without a clip `changed` is empty, but the way back to the temporal weights leads through it.
        return torch.cat([*found, changed[:0]])

    def choose_clips(self, rows: Tensor) -> Tensor:
        """Rows of `clips` out of one row per clip and picture [..., clips, width]."""
        kept = [place for place, stack in enumerate(_single(self.stacks)) if stack.frames > 1]
        return rows if len(kept) == rows.shape[-2] else rows[..., kept, :]

    def attend_in_frames(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attention of [tokens, heads, head_width] within each frame."""
        shapes = []
        for places, stacks in groupby(self.stacks, key=lambda stack: stack.places):
            shapes.append((sum(stack.clips * stack.frames for stack in stacks), places))
        return _attend((queries, keys, values), (shapes, shapes, shapes))

    def attend_across_frames(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attention of [tokens, heads, head_width] between the frames of a clip, at each place."""
        lengths = [stack.tokens for stack in self.stacks]
        if not lengths:
            return queries + keys + values
        found = []
        for stack, *parts in zip(self.stacks, *(torch.split(x, lengths) for x in (queries, keys, values)), strict=True):
            shape = (stack.clips, stack.frames, stack.places, *queries.shape[1:])
            query, key, value = (part.reshape(shape).permute(0, 2, 3, 1, 4).flatten(0, 1) for part in parts)
            out = F.scaled_dot_product_attention(query, key, value)
            out = out.reshape(stack.clips, stack.places, *out.shape[1:])
            found.append(out.permute(0, 3, 1, 2, 4).flatten(0, 2))
        return torch.cat(found)

    def attend_to_text(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attention of tokens to their clip's caption; captions' tokens [text tokens, heads, head_width] in order."""
        tokens = [(stack.clips, stack.frames * stack.places) for stack in self.stacks]
        texts = [(stack.clips, stack.text) for stack in self.stacks]
        return _attend((queries, keys, values), (tokens, texts, texts))


def stack_up(shapes: Sequence[Stack]) -> tuple[Stack, ...]:
    """Sorted single shapes as stacks of equal ones."""
    return tuple(replace(shape, clips=len(list(same))) for shape, same in groupby(shapes))


def _single(stacks: Sequence[Stack]) -> list[Stack]:
    return [stack for stack in stacks for _ in range(stack.clips)]


def _attend(parts: Sequence[Tensor], shapes: Sequence[Sequence[tuple[int, int]]]) -> Tensor:
    """Attention inside (batch, length) pieces of each of queries, keys and values."""
    pieces = []
    for part, shape in zip(parts, shapes, strict=True):
        cut = torch.split(part, [batch * length for batch, length in shape])
        pieces.append(
            [one.reshape(*size, *one.shape[1:]).transpose(1, 2) for one, size in zip(cut, shape, strict=True)]
        )
    found = [F.scaled_dot_product_attention(*piece) for piece in zip(*pieces, strict=True)]
    return torch.cat([out.transpose(1, 2).flatten(0, 1) for out in found])
