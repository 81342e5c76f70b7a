"""Latte on packs: clips and images of any shape in one call, one prediction for each.

The weights of the text-conditional model are those of diffusers' `LatteTransformer3DModel` under the same names, plus a
gate on the temporal positions (1 there; 0 where an image model becomes a video model). diffusers' class needs exactly
`video_length` frames and one shape per call, and sends images through the temporal blocks. Here clips have any frame
count, and images skip the temporal layers, so that joint training teaches nothing false about time.

    model = Latte(PRESETS["debug"])
    predictions = model([Segment(latents, text, timestep=500), ...])      # one [T, out_channels, H, W] per segment
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from schemas.errors import ConfigError
from training.models.cogvideox.patchify import grid_of, patchify
from training.models.latte.config import LatteConfig
from training.models.latte.layers import (
    Block,
    Conditioner,
    JointBlock,
    Modulation,
    Projection,
    RateAdapter,
    TextAdapter,
    TimeConditioning,
    table,
)
from training.models.latte.layout import Layout, Stack, stack_up
from training.models.latte.positions import resample_table, spatial_sines, temporal_freqs, temporal_sines
from training.models.segment import Segment

Grid = tuple[int, int, int]


class PatchEmbedding(nn.Module):
    """Projects patches or tubelets to tokens; holds the learned table of positions if there is one."""

    def __init__(self, config: LatteConfig) -> None:
        super().__init__()
        patch, frames = config.patch, config.patch_frames
        self.proj: nn.Module
        if frames == 1:
            self.proj = nn.Conv2d(config.in_channels, config.width, patch, stride=patch)
        else:
            size = (frames, patch, patch)
            self.proj = nn.Conv3d(config.in_channels, config.width, size, stride=size)
        if config.position_table:
            self.pos_embed = nn.Parameter(torch.zeros(1, config.position_table**2, config.width))

    def forward(self, patches: Tensor) -> Tensor:
        """Patches [tokens, patch_dim] to tokens [tokens, width].

        A convolution whose stride is its kernel size is a linear map of each patch, and is applied as one.
        """
        assert isinstance(self.proj, nn.Conv2d | nn.Conv3d)
        return F.linear(patches, self.proj.weight.flatten(1), self.proj.bias)


class Latte(nn.Module):
    """Predicts the noise, and the variance if learned. `checkpoint_blocks` recomputes activations to save memory."""

    def __init__(self, config: LatteConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpoint_blocks = False
        width = config.width
        self.pos_embed = PatchEmbedding(config)
        self.adaln_single = Conditioner(config)
        if config.conditioning == "class":
            self.class_embedding = nn.Embedding(config.classes + 1, width)
        if config.conditioning == "text":
            if config.caption_dim:
                self.text_adapter = TextAdapter(config.text_dim, config.caption_dim)
            self.caption_projection = Projection(config.caption_dim or config.text_dim, width)
        if config.tells_rate:
            self.temporal_adapter = RateAdapter(width)
        if config.temporal_positions == "sincos":
            self.temporal_position_gate = nn.Parameter(torch.ones(1))
        if config.joint:
            self.transformer_blocks = nn.ModuleList(JointBlock(config) for _ in range(config.layers))
        else:
            pairs = config.spatial_blocks
            self.transformer_blocks = nn.ModuleList(Block(config, "space") for _ in range(pairs))
            self.temporal_transformer_blocks = nn.ModuleList(Block(config, "time") for _ in range(pairs))
        self.norm_out = nn.LayerNorm(width, eps=1e-6, elementwise_affine=config.modulation == "none")
        if config.modulation == "shared":
            self.scale_shift_table = table(width, 2)
        elif config.modulation == "own":
            self.final_modulation = Modulation(width, 2)
        self.proj_out = nn.Linear(width, config.output_dim)
        if config.patch_frames > 1:
            channels, size = config.out_channels, (config.patch_frames, 1, 1)
            self.upsample = nn.ConvTranspose3d(channels, channels, size, stride=size)

    def blocks(self) -> list[Block]:
        """All blocks in the order in which they run."""
        spatial: list[Block] = list(self.transformer_blocks)  # type: ignore[arg-type]
        if self.config.joint:
            return spatial
        temporal: list[Block] = list(self.temporal_transformer_blocks)  # type: ignore[arg-type]
        if self.config.variant == 2:
            return spatial + temporal
        return [block for pair in zip(spatial, temporal, strict=True) for block in pair]

    def forward(self, segments: Sequence[Segment]) -> list[Tensor]:
        """One prediction [T, out_channels, H, W] per segment; a segment of one frame (or one tubelet) is an image.

        Raises `ConfigError` for latents whose channels, sides or frames, or text whose width, do not fit the model.
        """
        if self.config.padding == "left_out":
            segments = [replace(segment, text=without_padding(segment.text)) for segment in segments]
        grids = [self._check(segment) for segment in segments]
        shapes = [self._shape(segment, grid) for segment, grid in zip(segments, grids, strict=True)]
        order = sorted(range(len(segments)), key=shapes.__getitem__)
        segments, grids = [segments[index] for index in order], [grids[index] for index in order]
        stacks = stack_up(sorted(shapes))
        layout = Layout(stacks, self._freqs(stacks, segments[0].latents.device))
        condition = self._condition(segments, grids)
        x = self._embed(segments, grids, condition)
        x = self._through_blocks(x, self._captions(segments), self.adaln_single(condition), layout)
        outputs = self._outputs(x, condition, layout, grids)
        return [outputs[order.index(index)] for index in range(len(order))]

    def _check(self, segment: Segment) -> Grid:
        config = self.config
        frames, channels = segment.latents.shape[:2]
        text_dim = segment.text.shape[1]
        if channels != config.in_channels:
            hint = "; 3 channels are pixels that no VAE has encoded" if channels == 3 else ""
            raise ConfigError(f"latents have {channels} channels, the model takes {config.in_channels}{hint}")
        if config.conditioning != "none" and text_dim != config.text_dim:
            raise ConfigError(
                f"text embeddings have {text_dim} dimensions, the model takes {config.text_dim}: is this the text "
                "encoder that the model was trained with?"
            )
        grid = grid_of(segment.latents.shape, config.patch, config.patch_frames)
        if config.temporal_positions == "sincos" and grid[0] > config.frames:
            raise ConfigError(
                f"{frames} latent frames, but temporal positions for {config.max_frames}: train shorter clips "
                "(stages: max_seconds), or raise model.latte.frames"
            )
        return grid

    def _shape(self, segment: Segment, grid: Grid) -> Stack:
        tokens = grid[1] * grid[2] + int(self.config.condition_form == "tokens")
        return Stack(tokens, grid[0], len(segment.text) if self.config.conditioning == "text" else 0)

    def _freqs(self, stacks: Sequence[Stack], device: torch.device) -> Tensor | None:
        """Rotary embedding [clips' tokens, head_dim / 2] of the stacks that have more than one frame."""
        if self.config.temporal_positions != "rotary":
            return None
        parts = []
        for stack in stacks:
            if stack.frames > 1:
                freqs = temporal_freqs(stack.frames, self.config.head_dim)
                parts.append(_per_token(freqs, stack))
        return torch.cat(parts).to(device) if parts else None

    def _condition(self, segments: Sequence[Segment], grids: Sequence[Grid]) -> Tensor:
        """The sum of the embeddings of timestep, class and frame rate [segments, width]."""
        device = segments[0].latents.device
        times = torch.tensor([segment.timestep for segment in segments], device=device)
        embedded: Tensor = self.adaln_single.emb["timestep_embedder"](times)
        if self.config.conditioning == "class":
            embedded = embedded + self.class_embedding(torch.stack([segment.text[0, 0] for segment in segments]).long())
        if self.config.tells_rate:
            rates = torch.tensor([segment.fps for segment in segments], device=device)
            embedded = embedded + self.temporal_adapter(rates, torch.tensor([grid[0] for grid in grids], device=device))
        return embedded

    def _captions(self, segments: Sequence[Segment]) -> Tensor | None:
        if self.config.conditioning != "text":
            return None
        text = torch.cat([segment.text for segment in segments])
        if self.config.caption_dim:
            text = self.text_adapter(text)
        projected: Tensor = self.caption_projection(text)
        return projected

    def _embed(self, segments: Sequence[Segment], grids: Sequence[Grid], condition: Tensor) -> Tensor:
        config = self.config
        patches = [patchify(segment.latents, config.patch, config.patch_frames) for segment in segments]
        frames = torch.split(self.pos_embed(torch.cat(patches)), [len(patch) for patch in patches])
        sequences = []
        for x, grid, token in zip(frames, grids, condition, strict=True):
            x = x.view(grid[0], -1, config.width) + self._positions(grid).to(x)
            if config.condition_form == "tokens":
                x = torch.cat([token.to(x).expand(grid[0], 1, -1), x], dim=1)
            sequences.append(x.flatten(0, 1))
        return torch.cat(sequences)

    def _positions(self, grid: Grid) -> Tensor:
        """The position embedding added to each frame's patches [patches, width]."""
        config = self.config
        if config.position_table:
            return resample_table(self.pos_embed.pos_embed, grid[1], grid[2])[0]
        base = config.sample_size // config.patch
        return spatial_sines(grid[1], grid[2], config.width, base, config.interpolation_scale)

    def _through_blocks(self, x: Tensor, captions: Tensor | None, temb: TimeConditioning, layout: Layout) -> Tensor:
        clip_temb = temb.of_clips(layout)
        has_positions = False
        for block in self.blocks():
            if not has_positions and (self.config.joint or block.axis == "time"):
                x, has_positions = self._add_temporal_positions(x, layout), True
            if block.axis == "time":
                clips = self._run(block, layout.take_clips(x), None, clip_temb, layout.clips)
                x = layout.put_clips(x, clips)
            else:
                x = self._run(block, x, captions, temb, layout)
        return x

    def _run(self, block: nn.Module, *inputs: object) -> Tensor:
        out: Tensor
        if self.checkpoint_blocks and torch.is_grad_enabled():
            out = checkpoint(block, *inputs, use_reentrant=False)
        else:
            out = block(*inputs)
        return out

    def _add_temporal_positions(self, x: Tensor, layout: Layout) -> Tensor:
        """Add the frames' position embedding to the clips; images have none."""
        if self.config.temporal_positions != "sincos":
            return x
        clips = layout.take_clips(x)
        sines = [_per_token(temporal_sines(stack.frames, self.config.width), stack) for stack in layout.clips.stacks]
        added = torch.cat(sines).to(x) if sines else torch.zeros_like(clips)
        return layout.put_clips(x, clips + self.temporal_position_gate * added)

    def _outputs(self, x: Tensor, condition: Tensor, layout: Layout, grids: Sequence[Grid]) -> list[Tensor]:
        x = self.norm_out(x)
        if self.config.modulation == "shared":
            shift, scale = self.scale_shift_table[:, None] + condition
            x = x * layout.spread(1 + scale) + layout.spread(shift)
        elif self.config.modulation == "own":
            shift, scale = self.final_modulation(F.silu(condition))
            x = x * layout.spread(1 + scale) + layout.spread(shift)
        outputs = []
        for patches, grid in zip(torch.split(self.proj_out(x), layout.rows), grids, strict=True):
            # The condition token, if there is one, is the first of its frame.
            patches = patches.view(grid[0], -1, self.config.output_dim)[:, -grid[1] * grid[2] :]
            outputs.append(self._frames(patches, grid))
        return outputs

    def _frames(self, patches: Tensor, grid: Grid) -> Tensor:
        """Patches [frames, patches, output_dim] as [T, out_channels, H, W]; values in order of row, column, channel."""
        frames, height, across = grid
        patch = self.config.patch
        split = patches.reshape(frames, height, across, patch, patch, -1).permute(0, 5, 1, 3, 2, 4)
        video = split.reshape(frames, -1, height * patch, across * patch)
        if self.config.patch_frames > 1:
            video = self.upsample(video.transpose(0, 1)[None])[0].transpose(0, 1)
        return video


def without_padding(text: Tensor) -> Tensor:
    """A caption's embeddings [L, text_dim] without the rows of zeros at its end; at least one row remains."""
    nonzero = text.any(dim=1).nonzero()
    return text[: int(nonzero[-1]) + 1] if len(nonzero) else text[:1]


def _per_token(frames: Tensor, stack: Stack) -> Tensor:
    """Repeat one row per frame [frames, width] for each of a stack's tokens [tokens, width]."""
    return frames[None, :, None].expand(stack.clips, -1, stack.patches, -1).flatten(0, 2)
