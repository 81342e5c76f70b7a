"""The parts of a CogVideoX block on packed tokens. Parameter names are diffusers', so that state dicts need no mapping.

A packed sequence holds for each segment its text tokens and then its vision tokens. What depends on the segment and on
the kind of token (shift, scale, gate) comes as one row per run of tokens and is spread over the run.

    python -m pytest tests/training/models/cogvideox/test_model.py
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.cogvideox.attention import Backend, segment_attention
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.positions import rotate


@dataclass(frozen=True, slots=True)
class Layout:
    """Which tokens are whose. `runs` are lengths: text 0, vision 0, text 1, vision 1, ...; `bounds` part the segments.

    `turns` [tokens, head_width / 2], complex, are None where positions were added to the tokens instead.
    """

    runs: tuple[int, ...]
    bounds: tuple[int, ...]
    turns: Tensor | None
    backend: Backend

    def spread(self, rows: Tensor) -> Tensor:
        """One row per run [2 * segments, width] as one row per token [tokens, width]."""
        lengths = torch.tensor(self.runs, device=rows.device)
        return rows.repeat_interleave(lengths, dim=0, output_size=self.bounds[-1])


class TimeEmbedding(nn.Module):
    """Sinusoid -> linear -> SiLU -> linear."""

    def __init__(self, sinusoid: int, width: int) -> None:
        super().__init__()
        self._sinusoid = sinusoid
        self.linear_1 = nn.Linear(sinusoid, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, times: Tensor) -> Tensor:
        """Times [segments] to [segments, width]."""
        half = self._sinusoid // 2
        frequencies = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32, device=times.device) / half)
        angles = times.float()[:, None] * frequencies
        waves = torch.cat([angles.cos(), angles.sin()], dim=1).to(self.linear_1.weight.dtype)
        found: Tensor = self.linear_2(F.silu(self.linear_1(waves)))
        return found


class ExpertLayerNorm(nn.Module):
    """One layer norm for all tokens, modulated apart for text and vision by the segment's time (2408.06072, 3.1)."""

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.time_width, 6 * config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.norm_epsilon)

    def forward(self, x: Tensor, clock: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
        """Tokens [tokens, width] and SiLU(time) [segments, time_width] to the modulated tokens and their gates."""
        vision, text = self.linear(clock).chunk(2, dim=1)
        rows = torch.stack([text, vision], dim=1).flatten(0, 1)
        shift, scale, gate = rows.chunk(3, dim=1)
        # What can be done per run is done before it is spread over the tokens.
        return torch.addcmul(layout.spread(shift), self.norm(x), layout.spread(1 + scale)), layout.spread(gate)


class Attention(nn.Module):
    """Full 3D attention within segments, with normalised queries and keys."""

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self._heads = config.heads
        self.to_q = nn.Linear(config.width, config.width, bias=config.attention_bias)
        self.to_k = nn.Linear(config.width, config.width, bias=config.attention_bias)
        self.to_v = nn.Linear(config.width, config.width, bias=config.attention_bias)
        self.norm_q = nn.LayerNorm(config.head_width, eps=1e-6)
        self.norm_k = nn.LayerNorm(config.head_width, eps=1e-6)
        self.to_out = nn.ModuleList([nn.Linear(config.width, config.width)])

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """[tokens, width] to the same shape."""
        queries, keys, values = (
            layer(x).unflatten(-1, (self._heads, -1)) for layer in (self.to_q, self.to_k, self.to_v)
        )
        queries, keys = self.norm_q(queries), self.norm_k(keys)
        if layout.turns is not None:
            queries, keys = rotate(queries, layout.turns), rotate(keys, layout.turns)
        found = segment_attention(queries, keys, values, layout.bounds, layout.backend)
        out: Tensor = self.to_out[0](found.flatten(1))
        return out


class _Widen(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.proj(x), approximate="tanh")


class FeedForward(nn.Module):
    """Linear to four times the width, GELU (tanh), linear back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # The names of diffusers: net.0.proj and net.2, with a dropout that has no weights between them.
        self.net = nn.ModuleList([_Widen(width), nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, x: Tensor) -> Tensor:
        """[tokens, width] to the same shape."""
        found: Tensor = self.net[2](self.net[0](x))
        return found


class Block(nn.Module):
    """Attention and feed-forward, each behind an expert layer norm and its gate."""

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self.norm1 = ExpertLayerNorm(config)
        self.attn1 = Attention(config)
        self.norm2 = ExpertLayerNorm(config)
        self.ff = FeedForward(config.width)

    def forward(self, x: Tensor, clock: Tensor, layout: Layout) -> Tensor:
        """[tokens, width] to the same shape."""
        normed, gate = self.norm1(x, clock, layout)
        x = torch.addcmul(x, gate, self.attn1(normed, layout))
        normed, gate = self.norm2(x, clock, layout)
        return torch.addcmul(x, gate, self.ff(normed))


class PatchEmbedding(nn.Module):
    """Patches and text states to tokens."""

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self.proj: nn.Module
        if config.flat_patch:
            self.proj = nn.Linear(config.patch_values, config.width)
        else:
            self.proj = nn.Conv2d(
                config.in_channels, config.width, config.patch, stride=config.patch, bias=config.patch_bias
            )
        self.text_proj = nn.Linear(config.text_width, config.width)

    def vision(self, patches: Tensor) -> Tensor:
        """Patches [tokens, values] to [tokens, width]; a convolution over whole patches is a linear map of them."""
        assert isinstance(self.proj, nn.Linear | nn.Conv2d)
        return F.linear(patches, self.proj.weight.flatten(1), self.proj.bias)


class FinalNorm(nn.Module):
    """The last layer norm, shifted and scaled by the segment's time."""

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.time_width, 2 * config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.norm_epsilon)

    def forward(self, x: Tensor, clock: Tensor, lengths: tuple[int, ...]) -> Tensor:
        """Vision tokens [tokens, width], `lengths` of them per segment."""
        rows = self.linear(clock).repeat_interleave(
            torch.tensor(lengths, device=x.device), dim=0, output_size=sum(lengths)
        )
        shift, scale = rows.chunk(2, dim=1)
        return torch.addcmul(shift, self.norm(x), 1 + scale)
