"""Latte's layers on one sequence of tokens. Parameter names are diffusers', so state dicts need no mapping.

Every temporal parameter has `temporal` in its name, in every variant: the glob `*temporal*` freezes or trains them.

    block = Block(config, "space")
    x = block(x, captions, temb, layout)      # x [tokens, width], captions [text tokens, width]
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
class TimeConditioning:
    """What blocks are conditioned on: SiLU(condition) [clips, width], and the modulation shared by all blocks.

    `shared` [6, clips, width] and `temporal` [3, clips, width] are None where every block has a network of its own.
    """

    condition: Tensor
    shared: Tensor | None = None
    temporal: Tensor | None = None

    def of_clips(self, layout: Layout) -> "TimeConditioning":
        """The same without the images."""
        shared = (rows if rows is None else layout.choose_clips(rows) for rows in (self.shared, self.temporal))
        return TimeConditioning(layout.choose_clips(self.condition), *shared)


class Attention(nn.Module):
    """Projections to queries, keys and values of heads of `head_dim`; the caller passes the attention itself."""

    def __init__(self, config: LatteConfig, inner: int) -> None:
        super().__init__()
        self._head_dim = config.head_dim
        self.to_q = nn.Linear(config.width, inner)
        self.to_k = nn.Linear(config.width, inner)
        self.to_v = nn.Linear(config.width, inner)
        self.to_out = nn.ModuleList([nn.Linear(inner, config.width)])

    def forward(
        self, x: Tensor, context: Tensor, attend: Callable[[Tensor, Tensor, Tensor], Tensor], freqs: Tensor | None
    ) -> Tensor:
        """Tokens `x` [tokens, width] attend to `context` [context tokens, width]; returns [tokens, width]."""
        queries, keys, values = (
            _unflatten(layer(source), self._head_dim)
            for layer, source in ((self.to_q, x), (self.to_k, context), (self.to_v, context))
        )
        if freqs is not None:
            queries, keys = rotate(queries, freqs), rotate(keys, freqs)
        out: Tensor = self.to_out[0](attend(queries, keys, values).flatten(1))
        return out

    def in_frames(self, x: Tensor, layout: Layout) -> Tensor:
        """Attention within frames: [tokens, width] to the same shape."""
        out: Tensor = self(x, x, layout.attend_in_frames, None)
        return out

    def across_frames(self, x: Tensor, layout: Layout) -> Tensor:
        """Attention between a clip's frames; every stack of `layout` has several. [tokens, width] to the same shape."""
        out: Tensor = self(x, x, layout.attend_across_frames, layout.freqs)
        return out


class Modulation(nn.Module):
    """Shift, scale and gate of a block's layers from the block's own network (DiT's adaLN-Zero)."""

    def __init__(self, width: int, rows: int) -> None:
        super().__init__()
        self._width = width
        self.linear = nn.Linear(width, rows * width)

    def forward(self, condition: Tensor) -> Tensor:
        """[clips, width] to [rows, clips, width]."""
        return _unflatten(self.linear(condition), self._width).transpose(0, 1)


def table(width: int, rows: int) -> nn.Parameter:
    """A block's own offset [rows, width] to the shared modulation (PixArt-alpha, 2310.00426, section 2.3)."""
    return nn.Parameter(torch.randn(rows, width) / width**0.5)


class Block(nn.Module):
    """Spatial attention and cross-attention to the caption, or temporal attention, then feed-forward."""

    def __init__(self, config: LatteConfig, axis: Literal["space", "time"]) -> None:
        super().__init__()
        self.axis = axis
        width, affine = config.width, config.modulation == "none"
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON, elementwise_affine=affine)
        self.attn1 = Attention(config, config.inner_dim)
        if config.conditioning == "text" and axis == "space":
            self.attn2 = Attention(config, width)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON, elementwise_affine=affine)
        self.ff = FeedForward(width)
        if config.modulation == "shared":
            self.scale_shift_table = table(width, 6)
        elif config.modulation == "own":
            self.modulation = Modulation(width, 6)

    def forward(self, x: Tensor, captions: Tensor | None, temb: TimeConditioning, layout: Layout) -> Tensor:
        """Tokens `x` [tokens, width] to the same shape. `captions` [text tokens, width] are read by spatial blocks."""
        rows = self._rows(temb)
        attend = self.attn1.in_frames if self.axis == "space" else self.attn1.across_frames
        x = x + branch(x, self.norm1, _first(rows), layout, attend)
        return self._rest(x, captions, rows, layout)

    def _rest(self, x: Tensor, captions: Tensor | None, rows: Tensor | None, layout: Layout) -> Tensor:
        if captions is not None and hasattr(self, "attn2"):
            # Neither normalised nor gated, as in PixArt-alpha's code.
            x = x + self.attn2(x, captions, layout.attend_to_text, None)
        return x + branch(x, self.norm2, None if rows is None else rows[3:6], layout, lambda tokens, _: self.ff(tokens))

    def _rows(self, temb: TimeConditioning) -> Tensor | None:
        if hasattr(self, "modulation"):
            rows: Tensor = self.modulation(temb.condition)
            return rows
        return None if temb.shared is None else temb.shared + self.scale_shift_table[:, None]


class JointBlock(Block):
    """Both attentions in one block: in sequence (variant 3), or in parallel with half the heads each (variant 4)."""

    def __init__(self, config: LatteConfig) -> None:
        super().__init__(config, "space")
        width = config.width
        self._side_by_side = config.variant == 4
        self.temporal_attn = Attention(config, config.inner_dim)
        if config.modulation == "none":
            self.temporal_norm = nn.LayerNorm(width, eps=_EPSILON)
        elif config.modulation == "shared":
            self.temporal_scale_shift_table = table(width, 3)
        else:
            self.temporal_modulation = Modulation(width, 3)

    def forward(self, x: Tensor, captions: Tensor | None, temb: TimeConditioning, layout: Layout) -> Tensor:
        """Tokens `x` [tokens, width] to the same shape. Images skip the temporal attention."""
        rows = self._rows(temb)
        after = x + branch(x, self.norm1, _first(rows), layout, self.attn1.in_frames)
        source = layout.take_clips(x if self._side_by_side else after)
        norm = self.temporal_norm if rows is None else self.norm1
        moved = branch(source, norm, self._temporal_rows(temb, layout), layout.clips, self.temporal_attn.across_frames)
        return self._rest(layout.put_clips(after, layout.take_clips(after) + moved), captions, rows, layout)

    def _temporal_rows(self, temb: TimeConditioning, layout: Layout) -> Tensor | None:
        temb = temb.of_clips(layout)
        if hasattr(self, "temporal_modulation"):
            rows: Tensor = self.temporal_modulation(temb.condition)
            return rows
        return None if temb.temporal is None else temb.temporal + self.temporal_scale_shift_table[:, None]


def branch(
    x: Tensor, norm: nn.Module, rows: Tensor | None, layout: Layout, layer: Callable[[Tensor, Layout], Tensor]
) -> Tensor:
    """gate * layer(norm(x) * (1 + scale) + shift), where `rows` [3, clips, width] are shift, scale and gate.

    Without `rows`, layer(norm(x)). `x` is [tokens, width]; returns the same shape.
    """
    if rows is None:
        return layer(norm(x), layout)
    shift, scale, gate = rows
    modulated = norm(x) * layout.spread(1 + scale) + layout.spread(shift)
    return layout.spread(gate) * layer(modulated, layout)


def _unflatten(x: Tensor, width: int) -> Tensor:
    """[rows, parts * width] as [rows, parts, width]; there may be 0 rows."""
    return x.view(len(x), x.shape[1] // width, width)


def _first(rows: Tensor | None) -> Tensor | None:
    return None if rows is None else rows[:3]


class Conditioner(nn.Module):
    """Embeds each clip's timestep into the condition, and derives the modulation that all blocks share from it."""

    def __init__(self, config: LatteConfig) -> None:
        super().__init__()
        width = config.width
        self.emb = nn.ModuleDict({"timestep_embedder": TimeEmbedding(SINUSOID, width)})
        if config.modulation == "shared":
            self.linear = nn.Linear(width, 6 * width)
            if config.joint:
                self.temporal_linear = nn.Linear(width, 3 * width)

    def forward(self, condition: Tensor) -> TimeConditioning:
        """What the blocks are conditioned on, from the whole condition [clips, width] before SiLU."""
        silu = nn.functional.silu(condition)
        if not hasattr(self, "linear"):
            return TimeConditioning(silu)
        temporal = self.temporal_linear(silu) if hasattr(self, "temporal_linear") else None
        modulations = (
            rows if rows is None else _unflatten(rows, silu.shape[-1]) for rows in (self.linear(silu), temporal)
        )
        return TimeConditioning(silu, *(rows if rows is None else rows.transpose(0, 1) for rows in modulations))


class RateAdapter(nn.Module):
    """Conditions clips on their frame rate and frame count; starts at zero, and is always zero for images."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rate = TimeEmbedding(SINUSOID, width)
        self.count = TimeEmbedding(SINUSOID, width)

    def forward(self, rates: Tensor, counts: Tensor) -> Tensor:
        """Frames per second and latent frames, [clips] each, to an embedding [clips, width] added to the condition."""
        embedded: Tensor = self.rate(rates) + self.count(counts)
        return embedded * (counts > 1)[:, None]


class Projection(nn.Module):
    """Text embeddings to the blocks' width: linear, GELU (tanh), linear."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(inputs, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, states: Tensor) -> Tensor:
        """[text tokens, inputs] to [text tokens, width]."""
        projected: Tensor = self.linear_2(nn.functional.gelu(self.linear_1(states), approximate="tanh"))
        return projected


class TextAdapter(nn.Module):
    """Maps another encoder's embeddings to the dimension a projection was trained for; a residual if they are equal.

    It starts at zero when the other weights are trained: embeddings of another dimension then become zeros.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, states: Tensor) -> Tensor:
        """[text tokens, inputs] to [text tokens, outputs]."""
        mapped: Tensor = self.linear(states)
        return states + mapped if states.shape == mapped.shape else mapped
