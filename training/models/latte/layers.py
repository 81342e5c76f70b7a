"""The parts of a Latte block on tokens in one row. Parameter names are diffusers', so state dicts need no mapping.

What is temporal has `temporal` in its name, in every variant: `*temporal*` freezes or trains it.

    python -m pytest tests/training/models/latte/test_model.py
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from training.models.cogvideox.layers import FeedForward, TimeEmbedding
from training.models.cogvideox.positions import rotate
from training.models.latte.config import LatteConfig
from training.models.latte.count import SINUSOID
from training.models.latte.layout import Layout

_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Clock:
    """What blocks are told of clips: SiLU(condition) [clips, width], and what one network made of it for all blocks.

    `shared` [6, clips, width] and `temporal` [3, clips, width] are None where blocks have networks of their own.
    """

    condition: Tensor
    shared: Tensor | None = None
    temporal: Tensor | None = None

    def of_clips(self, layout: Layout) -> "Clock":
        """The same without the pictures."""
        found = (one if one is None else layout.choose_clips(one) for one in (self.shared, self.temporal))
        return Clock(layout.choose_clips(self.condition), *found)


class Attention(nn.Module):
    """Queries, keys and values of `heads` heads; who attends to whom is the caller's."""

    def __init__(self, config: LatteConfig, inner: int) -> None:
        super().__init__()
        self._head_width = config.head_width
        self.to_q = nn.Linear(config.width, inner)
        self.to_k = nn.Linear(config.width, inner)
        self.to_v = nn.Linear(config.width, inner)
        self.to_out = nn.ModuleList([nn.Linear(inner, config.width)])

    def forward(
        self, x: Tensor, context: Tensor, attend: Callable[[Tensor, Tensor, Tensor], Tensor], turns: Tensor | None
    ) -> Tensor:
        """Tokens [tokens, width] and those they attend to [others, width] to [tokens, width]."""
        queries, keys, values = (
            _cut(layer(one), self._head_width)
            for layer, one in ((self.to_q, x), (self.to_k, context), (self.to_v, context))
        )
        if turns is not None:
            queries, keys = rotate(queries, turns), rotate(keys, turns)
        out: Tensor = self.to_out[0](attend(queries, keys, values).flatten(1))
        return out

    def in_frames(self, x: Tensor, layout: Layout) -> Tensor:
        """Attention within frames."""
        found: Tensor = self(x, x, layout.attend_in_frames, None)
        return found

    def across_frames(self, x: Tensor, layout: Layout) -> Tensor:
        """Attention between a clip's frames; every stack of `layout` has more than one."""
        found: Tensor = self(x, x, layout.attend_across_frames, layout.turns)
        return found


class Modulation(nn.Module):
    """Shift, scale and gate of a block's layers, where each block has a network of its own (DiT's adaLN-Zero)."""

    def __init__(self, width: int, rows: int) -> None:
        super().__init__()
        self._width = width
        self.linear = nn.Linear(width, rows * width)

    def forward(self, condition: Tensor) -> Tensor:
        """[clips, width] to [rows, clips, width]."""
        return _cut(self.linear(condition), self._width).transpose(0, 1)


def table(width: int, rows: int) -> nn.Parameter:
    """A block's own share of what one network modulates for all (PixArt-alpha, 2310.00426, section 2.3)."""
    return nn.Parameter(torch.randn(rows, width) / width**0.5)


class Block(nn.Module):
    """Attention within frames or across them, to the caption if within, and feed-forward."""

    def __init__(self, config: LatteConfig, axis: Literal["space", "time"]) -> None:
        super().__init__()
        self.axis = axis
        width, affine = config.width, config.modulation == "none"
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON, elementwise_affine=affine)
        self.attn1 = Attention(config, config.axis_width)
        if config.conditioning == "text" and axis == "space":
            self.attn2 = Attention(config, width)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON, elementwise_affine=affine)
        self.ff = FeedForward(width)
        if config.modulation == "shared":
            self.scale_shift_table = table(width, 6)
        elif config.modulation == "own":
            self.modulation = Modulation(width, 6)

    def forward(self, x: Tensor, captions: Tensor | None, clock: Clock, layout: Layout) -> Tensor:
        """[tokens, width] to the same shape. `captions` [text tokens, width] for blocks within frames."""
        rows = self._rows(clock)
        attend = self.attn1.in_frames if self.axis == "space" else self.attn1.across_frames
        x = x + branch(x, self.norm1, _first(rows), layout, attend)
        return self._rest(x, captions, rows, layout)

    def _rest(self, x: Tensor, captions: Tensor | None, rows: Tensor | None, layout: Layout) -> Tensor:
        if captions is not None and hasattr(self, "attn2"):
            # Neither normalised nor gated, as PixArt-alpha's code has it.
            x = x + self.attn2(x, captions, layout.attend_to_text, None)
        return x + branch(x, self.norm2, None if rows is None else rows[3:6], layout, lambda one, _: self.ff(one))

    def _rows(self, clock: Clock) -> Tensor | None:
        if hasattr(self, "modulation"):
            found: Tensor = self.modulation(clock.condition)
            return found
        return None if clock.shared is None else clock.shared + self.scale_shift_table[:, None]


class JointBlock(Block):
    """Both attentions in a block: one after the other (variant 3), or side by side with half the heads (variant 4)."""

    def __init__(self, config: LatteConfig) -> None:
        super().__init__(config, "space")
        width = config.width
        self._side_by_side = config.variant == 4
        self.temporal_attn = Attention(config, config.axis_width)
        if config.modulation == "none":
            self.temporal_norm = nn.LayerNorm(width, eps=_EPSILON)
        elif config.modulation == "shared":
            self.temporal_scale_shift_table = table(width, 3)
        else:
            self.temporal_modulation = Modulation(width, 3)

    def forward(self, x: Tensor, captions: Tensor | None, clock: Clock, layout: Layout) -> Tensor:
        """[tokens, width] to the same shape. Pictures attend within themselves only."""
        rows = self._rows(clock)
        after = x + branch(x, self.norm1, _first(rows), layout, self.attn1.in_frames)
        seen = layout.take_clips(x if self._side_by_side else after)
        norm = self.temporal_norm if rows is None else self.norm1
        moved = branch(seen, norm, self._temporal_rows(clock, layout), layout.clips, self.temporal_attn.across_frames)
        return self._rest(layout.put_clips(after, layout.take_clips(after) + moved), captions, rows, layout)

    def _temporal_rows(self, clock: Clock, layout: Layout) -> Tensor | None:
        clock = clock.of_clips(layout)
        if hasattr(self, "temporal_modulation"):
            found: Tensor = self.temporal_modulation(clock.condition)
            return found
        return None if clock.temporal is None else clock.temporal + self.temporal_scale_shift_table[:, None]


def branch(
    x: Tensor, norm: nn.Module, rows: Tensor | None, layout: Layout, layer: Callable[[Tensor, Layout], Tensor]
) -> Tensor:
    """gate * layer(norm(x) * (1 + scale) + shift), with [3, clips, width] of these, or without them layer(norm(x))."""
    if rows is None:
        return layer(norm(x), layout)
    shift, scale, gate = rows
    moved = norm(x) * layout.spread(1 + scale) + layout.spread(shift)
    return layout.spread(gate) * layer(moved, layout)


def _cut(x: Tensor, width: int) -> Tensor:
    """[rows, parts * width] as [rows, parts, width]; there may be no rows."""
    return x.view(len(x), x.shape[1] // width, width)


def _first(rows: Tensor | None) -> Tensor | None:
    return None if rows is None else rows[:3]


class Conditioner(nn.Module):
    """The condition of each clip from its timestep, and from it the modulation that all blocks share."""

    def __init__(self, config: LatteConfig) -> None:
        super().__init__()
        width = config.width
        self.emb = nn.ModuleDict({"timestep_embedder": TimeEmbedding(SINUSOID, width)})
        if config.modulation == "shared":
            self.linear = nn.Linear(width, 6 * width)
            if config.joint:
                self.temporal_linear = nn.Linear(width, 3 * width)

    def forward(self, condition: Tensor) -> Clock:
        """The whole condition [clips, width], not yet through SiLU."""
        silu = nn.functional.silu(condition)
        if not hasattr(self, "linear"):
            return Clock(silu)
        temporal = self.temporal_linear(silu) if hasattr(self, "temporal_linear") else None
        found = (one if one is None else _cut(one, silu.shape[-1]) for one in (self.linear(silu), temporal))
        return Clock(silu, *(one if one is None else one.transpose(0, 1) for one in found))


class RateAdapter(nn.Module):
    """Tells clips how fast and how long they are; starts at zero, and pictures are told nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rate = TimeEmbedding(SINUSOID, width)
        self.count = TimeEmbedding(SINUSOID, width)

    def forward(self, rates: Tensor, counts: Tensor) -> Tensor:
        """Frames per second and latent frames, [clips] each, to what is added to the condition [clips, width]."""
        found: Tensor = self.rate(rates) + self.count(counts)
        return found * (counts > 1)[:, None]


class Projection(nn.Module):
    """Text states to the blocks' width: linear, GELU (tanh), linear."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(inputs, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, states: Tensor) -> Tensor:
        """[text tokens, inputs] to [text tokens, width]."""
        found: Tensor = self.linear_2(nn.functional.gelu(self.linear_1(states), approximate="tanh"))
        return found


class TextAdapter(nn.Module):
    """From another encoder's states to those a projection was trained for. Beside states of that width, a residual.

    At zero, as it starts beside trained weights, states of another width are told as zeros, which say nothing.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, states: Tensor) -> Tensor:
        """[text tokens, inputs] to [text tokens, outputs]."""
        found: Tensor = self.linear(states)
        return states + found if states.shape == found.shape else found
