"""The layers of a CogVideoX block on packed tokens. Parameter names are diffusers', so state dicts need no mapping.

A packed sequence holds each segment's text tokens followed by its vision tokens. Shift, scale and gate depend on the
segment and on the modality: they are computed once per run of tokens and then repeated over the run.

    block = Block(config)
    x = block(x, temb, layout)      # x [tokens, width], temb [segments, time_embed_dim]
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
    """Where each segment's tokens are in the packed sequence.

    `runs` are lengths: text 0, vision 0, text 1, vision 1, ...; `bounds` are the segments' boundaries, from 0 to the
    number of tokens. `freqs` [tokens, head_dim / 2], complex64, are the rotary embeddings, None for a model whose
    positions are added to the tokens.
    """

    runs: tuple[int, ...]
    bounds: tuple[int, ...]
    freqs: Tensor | None
    backend: Backend

    def spread(self, rows: Tensor) -> Tensor:
        """Repeat one row per run [2 * segments, width] into one row per token [tokens, width]."""
        lengths = torch.tensor(self.runs, device=rows.device)
        return rows.repeat_interleave(lengths, dim=0, output_size=self.bounds[-1])


class TimeEmbedding(nn.Module):
    """Sinusoidal embedding -> linear -> SiLU -> linear."""

    def __init__(self, sinusoid: int, width: int) -> None:
        super().__init__()
        self._sinusoid = sinusoid
        self.linear_1 = nn.Linear(sinusoid, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, times: Tensor) -> Tensor:
        """Timesteps [segments] to their embedding [segments, width]."""
        half = self._sinusoid // 2
        frequencies = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32, device=times.device) / half)
        angles = times.float()[:, None] * frequencies
        waves = torch.cat([angles.cos(), angles.sin()], dim=1).to(self.linear_1.weight.dtype)
        temb: Tensor = self.linear_2(F.silu(self.linear_1(waves)))
        return temb


class ExpertLayerNorm(nn.Module):
    """One layer norm for all tokens; text and vision are modulated separately by the timestep (2408.06072, 3.1)."""

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.time_embed_dim, 6 * config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.norm_epsilon)

    def forward(self, x: Tensor, temb: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
        """Modulate tokens `x` [tokens, width] by `temb` [segments, time_embed_dim], which SiLU was applied to.

        Returns the modulated tokens and their gates, both [tokens, width].
        """
        vision, text = self.linear(temb).chunk(2, dim=1)
        rows = torch.stack([text, vision], dim=1).flatten(0, 1)
        shift, scale, gate = rows.chunk(3, dim=1)
        # `1 + scale` is computed per run, before it is repeated over the tokens.
        return torch.addcmul(layout.spread(shift), self.norm(x), layout.spread(1 + scale)), layout.spread(gate)


class Attention(nn.Module):
    """Full 3D attention within segments, with layer-normed queries and keys."""

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self._heads = config.heads
        self.to_q = nn.Linear(config.width, config.width, bias=config.attention_bias)
        self.to_k = nn.Linear(config.width, config.width, bias=config.attention_bias)
        self.to_v = nn.Linear(config.width, config.width, bias=config.attention_bias)
        self.norm_q = nn.LayerNorm(config.head_dim, eps=1e-6)
        self.norm_k = nn.LayerNorm(config.head_dim, eps=1e-6)
        self.to_out = nn.ModuleList([nn.Linear(config.width, config.width)])

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """[tokens, width] to the same shape."""
        queries, keys, values = (
            layer(x).unflatten(-1, (self._heads, -1)) for layer in (self.to_q, self.to_k, self.to_v)
        )
        queries, keys = self.norm_q(queries), self.norm_k(keys)
        if layout.freqs is not None:
            queries, keys = rotate(queries, layout.freqs), rotate(keys, layout.freqs)
        attended = segment_attention(queries, keys, values, layout.bounds, layout.backend)
        out: Tensor = self.to_out[0](attended.flatten(1))
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
        # diffusers' names: net.0.proj and net.2; net.1 is a dropout, which has no weights.
        self.net = nn.ModuleList([_Widen(width), nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, x: Tensor) -> Tensor:
        """[tokens, width] to the same shape."""
        out: Tensor = self.net[2](self.net[0](x))
        return out


class Block(nn.Module):
    """Attention and feed-forward, each with an expert layer norm before it and a gate after it."""

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self.norm1 = ExpertLayerNorm(config)
        self.attn1 = Attention(config)
        self.norm2 = ExpertLayerNorm(config)
        self.ff = FeedForward(config.width)

    def forward(self, x: Tensor, temb: Tensor, layout: Layout) -> Tensor:
        """Tokens `x` [tokens, width] to the same shape; `temb` [segments, time_embed_dim]."""
        normed, gate = self.norm1(x, temb, layout)
        x = torch.addcmul(x, gate, self.attn1(normed, layout))
        normed, gate = self.norm2(x, temb, layout)
        return torch.addcmul(x, gate, self.ff(normed))


class PatchEmbedding(nn.Module):
    """Projects patches and text embeddings to tokens."""

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self.proj: nn.Module
        if config.flat_patch:
            self.proj = nn.Linear(config.patch_dim, config.width)
        else:
            self.proj = nn.Conv2d(
                config.in_channels, config.width, config.patch, stride=config.patch, bias=config.patch_bias
            )
        self.text_proj = nn.Linear(config.text_dim, config.width)

    def vision(self, patches: Tensor) -> Tensor:
        """Patches [tokens, patch_dim] to tokens [tokens, width].

        A convolution whose stride is its kernel size is a linear map of each patch, and is applied as one.
        """
        assert isinstance(self.proj, nn.Linear | nn.Conv2d)
        return F.linear(patches, self.proj.weight.flatten(1), self.proj.bias)


class FinalNorm(nn.Module):
    """The last layer norm, shifted and scaled by the segment's timestep."""

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.time_embed_dim, 2 * config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.norm_epsilon)

    def forward(self, x: Tensor, temb: Tensor, lengths: tuple[int, ...]) -> Tensor:
        """Vision tokens `x` [tokens, width] to the same shape; `lengths` are the vision tokens of each segment."""
        rows = self.linear(temb).repeat_interleave(
            torch.tensor(lengths, device=x.device), dim=0, output_size=sum(lengths)
        )
        shift, scale = rows.chunk(2, dim=1)
        return torch.addcmul(shift, self.norm(x), 1 + scale)
