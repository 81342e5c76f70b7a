"""CogVideoX's transformer on packs: segments of any shape in one sequence, one prediction per segment.

The weights are those of diffusers' `CogVideoXTransformer3DModel` under the same names. diffusers cannot pack: its time
embedding, text and rotary embedding belong to a row of the batch. Here they belong to a segment, so a clip's cost
depends on its own length alone, and its prediction is the same with and without other clips in the pack.

    model = CogVideoX(PRESETS["debug"])
    predictions = model([Segment(latents, text, timestep=500), ...])      # one [T, out_channels, H, W] per segment
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from schemas.errors import ConfigError
from training.models.cogvideox.attention import Backend, best_backend
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.layers import Block, FinalNorm, Layout, PatchEmbedding, TimeEmbedding
from training.models.cogvideox.patchify import grid_of, patchify, unpatchify
from training.models.cogvideox.positions import Grid, rotary, sincos
from training.models.segment import Segment

_OFFSET = 2.0  # the constant `ofs` input of CogVideoX 1.5's image-to-video model


class CogVideoX(nn.Module):
    """Predicts v for every segment of a pack. `checkpoint_blocks` recomputes activations to save memory."""

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpoint_blocks = False
        self.backend: Backend | None = None
        """The attention backend; None picks one by the device."""
        self.patch_embed = PatchEmbedding(config)
        self.time_embedding = TimeEmbedding(config.width, config.time_embed_dim)
        if config.ofs_embed_dim:
            self.ofs_embedding = TimeEmbedding(config.ofs_embed_dim, config.ofs_embed_dim)
        self.transformer_blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm_final = nn.LayerNorm(config.width, eps=config.norm_epsilon)
        self.norm_out = FinalNorm(config)
        self.proj_out = nn.Linear(config.width, config.output_dim)

    def forward(self, segments: Sequence[Segment]) -> list[Tensor]:
        """One prediction [T, out_channels, H, W] per segment.

        Raises `ConfigError` for latents whose channels or sides, or text whose width, do not fit the model.
        """
        config = self.config
        for segment in segments:
            self._check(segment)
        grids = [grid_of(segment.latents.shape, config.patch, config.patch_frames) for segment in segments]
        x = self._embed(segments, grids)
        layout = self._layout(segments, grids, x)
        times = torch.tensor([segment.timestep for segment in segments], device=x.device)
        temb = self.time_embedding(times)
        if config.ofs_embed_dim:
            temb = temb + self.ofs_embedding(torch.full_like(times, _OFFSET, dtype=torch.float32))
        temb = nn.functional.silu(temb)
        for block in self.transformer_blocks:
            if self.checkpoint_blocks and torch.is_grad_enabled():
                x = checkpoint(block, x, temb, layout, use_reentrant=False)
            else:
                x = block(x, temb, layout)
        lengths = layout.runs[1::2]
        vision = torch.cat(torch.split(x, list(layout.runs))[1::2])
        patches = self.proj_out(self.norm_out(self.norm_final(vision), temb, lengths))
        return [
            unpatchify(tokens, grid, config.patch, config.patch_frames)
            for tokens, grid in zip(torch.split(patches, list(lengths)), grids, strict=True)
        ]

    def _check(self, segment: Segment) -> None:
        channels, text_dim = segment.latents.shape[1], segment.text.shape[1]
        if channels != self.config.in_channels:
            hint = "; 3 channels are pixels that no VAE has encoded" if channels == 3 else ""
            raise ConfigError(f"latents have {channels} channels, the model takes {self.config.in_channels}{hint}")
        if text_dim != self.config.text_dim:
            raise ConfigError(
                f"text embeddings have {text_dim} dimensions, the model takes {self.config.text_dim}: is this the "
                "text encoder that the model was trained with?"
            )

    def _embed(self, segments: Sequence[Segment], grids: Sequence[Grid]) -> Tensor:
        config = self.config
        patches = [patchify(segment.latents, config.patch, config.patch_frames) for segment in segments]
        vision = self.patch_embed.vision(torch.cat(patches))
        if config.positions == "sincos":
            added = [sincos(grid, config.width, config.spatial_scale, config.temporal_scale) for grid in grids]
            vision = vision + torch.cat(added).to(vision)
        text = self.patch_embed.text_proj(torch.cat([segment.text for segment in segments]))
        texts = torch.split(text, [len(segment.text) for segment in segments])
        visions = torch.split(vision, [len(patch) for patch in patches])
        return torch.cat([part for pair in zip(texts, visions, strict=True) for part in pair])

    def _layout(self, segments: Sequence[Segment], grids: Sequence[Grid], x: Tensor) -> Layout:
        runs = [n for segment, (t, h, w) in zip(segments, grids, strict=True) for n in (len(segment.text), t * h * w)]
        bounds = [0]
        for text, vision in zip(runs[::2], runs[1::2], strict=True):
            bounds.append(bounds[-1] + text + vision)
        freqs = None
        if self.config.positions == "rotary":
            parts = [
                part
                for n, grid in zip(runs[::2], grids, strict=True)
                for part in (self._text_freqs(n), self._vision_freqs(grid))
            ]
            freqs = torch.cat(parts).to(x.device)
        return Layout(tuple(runs), tuple(bounds), freqs, self.backend or best_backend(x.device))

    def _text_freqs(self, count: int) -> Tensor:
        return torch.ones(count, self.config.head_dim // 2, dtype=torch.complex64)

    def _vision_freqs(self, grid: Grid) -> Tensor:
        cosines, sines = rotary(grid, self.config.head_dim)
        return torch.complex(cosines[:, ::2], sines[:, ::2])


def initialise(model: CogVideoX, seed: int) -> None:
    """Initialise in place for training from scratch, as CogVideoX's own code (SAT) does: all modulation starts at zero.

    With zero modulation every block starts as the identity; diffusers' class starts with random gates instead.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("norm1.linear.weight", "norm2.linear.weight", "norm_out.linear.weight")):
                weight.zero_()
            elif weight.ndim >= 2:
                flat = torch.empty(weight.shape[0], weight[0].numel())
                nn.init.xavier_uniform_(flat, generator=generator)
                weight.copy_(flat.view_as(weight))
            elif name.endswith("bias"):
                weight.zero_()
            else:
                weight.fill_(1.0)
