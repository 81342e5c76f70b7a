"""CogVideoX's transformer on packs: segments of any shape in one sequence, one prediction per segment.

The weights are those of diffusers' `CogVideoXTransformer3DModel` under the same names. diffusers cannot pack: its time
embedding, text and rotations belong to a row of the batch. Here they belong to a segment, so a clip costs what it is
long, whatever stands beside it, and gives the same numbers as alone.

    python -m pytest tests/training/models/cogvideox/test_model.py
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

_OFFSET = 2.0  # the constant that CogVideoX 1.5's image-to-video model is told


class CogVideoX(nn.Module):
    """Predicts v for every segment of a pack. `checkpoint_blocks` trades a second forward pass for memory."""

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpoint_blocks = False
        self.backend: Backend | None = None
        """Attention's backend; None picks by the device."""
        self.patch_embed = PatchEmbedding(config)
        self.time_embedding = TimeEmbedding(config.width, config.time_width)
        if config.offset_width:
            self.ofs_embedding = TimeEmbedding(config.offset_width, config.offset_width)
        self.transformer_blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm_final = nn.LayerNorm(config.width, eps=config.norm_epsilon)
        self.norm_out = FinalNorm(config)
        self.proj_out = nn.Linear(config.width, config.output_values)

    def forward(self, segments: Sequence[Segment]) -> list[Tensor]:
        """One prediction [F, out_channels, H, W] per segment. Raises `ConfigError` for latents of another shape."""
        config = self.config
        for segment in segments:
            self._check(segment)
        grids = [grid_of(segment.latents.shape, config.patch, config.patch_frames) for segment in segments]
        x = self._embed(segments, grids)
        layout = self._layout(segments, grids, x)
        times = torch.tensor([segment.timestep for segment in segments], device=x.device)
        clock = self.time_embedding(times)
        if config.offset_width:
            clock = clock + self.ofs_embedding(torch.full_like(times, _OFFSET, dtype=torch.float32))
        clock = nn.functional.silu(clock)
        for block in self.transformer_blocks:
            if self.checkpoint_blocks and torch.is_grad_enabled():
                x = checkpoint(block, x, clock, layout, use_reentrant=False)
            else:
                x = block(x, clock, layout)
        lengths = layout.runs[1::2]
        vision = torch.cat(torch.split(x, list(layout.runs))[1::2])
        patches = self.proj_out(self.norm_out(self.norm_final(vision), clock, lengths))
        return [
            unpatchify(one, grid, config.patch, config.patch_frames)
            for one, grid in zip(torch.split(patches, list(lengths)), grids, strict=True)
        ]

    def _check(self, segment: Segment) -> None:
        channels, width = segment.latents.shape[1], segment.text.shape[1]
        if channels != self.config.in_channels:
            hint = "; 3 channels are pixels that no VAE has encoded" if channels == 3 else ""
            raise ConfigError(f"latents have {channels} channels, the model takes {self.config.in_channels}{hint}")
        if width != self.config.text_width:
            raise ConfigError(
                f"text states are {width} wide, the model takes {self.config.text_width}: another encoder?"
            )

    def _embed(self, segments: Sequence[Segment], grids: Sequence[Grid]) -> Tensor:
        config = self.config
        patches = [patchify(one.latents, config.patch, config.patch_frames) for one in segments]
        vision = self.patch_embed.vision(torch.cat(patches))
        if config.positions == "sincos":
            added = [sincos(grid, config.width, config.spatial_scale, config.temporal_scale) for grid in grids]
            vision = vision + torch.cat(added).to(vision)
        text = self.patch_embed.text_proj(torch.cat([one.text for one in segments]))
        texts = torch.split(text, [len(one.text) for one in segments])
        visions = torch.split(vision, [len(one) for one in patches])
        return torch.cat([part for pair in zip(texts, visions, strict=True) for part in pair])

    def _layout(self, segments: Sequence[Segment], grids: Sequence[Grid], x: Tensor) -> Layout:
        runs = [n for one, (t, h, w) in zip(segments, grids, strict=True) for n in (len(one.text), t * h * w)]
        bounds = [0]
        for text, vision in zip(runs[::2], runs[1::2], strict=True):
            bounds.append(bounds[-1] + text + vision)
        turns = None
        if self.config.positions == "rotary":
            parts = [
                part for n, grid in zip(runs[::2], grids, strict=True) for part in (self._still(n), self._turn(grid))
            ]
            turns = torch.cat(parts).to(x.device)
        return Layout(tuple(runs), tuple(bounds), turns, self.backend or best_backend(x.device))

    def _still(self, count: int) -> Tensor:
        return torch.ones(count, self.config.head_width // 2, dtype=torch.complex64)

    def _turn(self, grid: Grid) -> Tensor:
        cosines, sines = rotary(grid, self.config.head_width)
        return torch.complex(cosines[:, ::2], sines[:, ::2])


def initialise(model: CogVideoX, seed: int) -> None:
    """Weights for training from scratch, as CogVideoX's own code (SAT) has them: all modulation starts at zero.

    With zero modulation every block is the identity at first; diffusers' class starts at random gates instead.
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
