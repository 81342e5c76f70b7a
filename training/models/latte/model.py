"""Latte on packs: clips and pictures of any shape in one call, one prediction for each.

The weights of the text form are those of diffusers' `LatteTransformer3DModel` under the same names, and one more: a
gate on the temporal positions (1 there; 0 where a picture model becomes a video model). diffusers' class needs exactly
`video_length` frames and one shape per call, and sends pictures through the temporal blocks. Here clips have any frame
count, and pictures pass the spatial layers only, so that joint training teaches nothing false about time.

    python -m pytest tests/training/models/latte/test_model.py
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
    Clock,
    Conditioner,
    JointBlock,
    Modulation,
    Projection,
    RateAdapter,
    TextAdapter,
    table,
)
from training.models.latte.layout import Layout, Stack, stack_up
from training.models.latte.positions import resample_table, spatial_sines, temporal_sines, temporal_turns
from training.models.segment import Segment

Grid = tuple[int, int, int]


class PatchEmbedding(nn.Module):
    """Patches or tubelets to tokens, and a saved table of places where there is one."""

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
        """[tokens, values] to [tokens, width]; a convolution over whole patches is a linear map of them."""
        assert isinstance(self.proj, nn.Conv2d | nn.Conv3d)
        return F.linear(patches, self.proj.weight.flatten(1), self.proj.bias)


class Latte(nn.Module):
    """Predicts the noise, and a variance if learned. `checkpoint_blocks` trades a second forward pass for memory."""

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
            if config.caption_width:
                self.text_adapter = TextAdapter(config.text_width, config.caption_width)
            self.caption_projection = Projection(config.caption_width or config.text_width, width)
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
        self.proj_out = nn.Linear(width, config.output_values)
        if config.patch_frames > 1:
            channels, size = config.out_channels, (config.patch_frames, 1, 1)
            self.upsample = nn.ConvTranspose3d(channels, channels, size, stride=size)

    def blocks(self) -> list[Block]:
        """All blocks in the order in which tokens pass them."""
        spatial: list[Block] = list(self.transformer_blocks)  # type: ignore[arg-type]
        if self.config.joint:
            return spatial
        temporal: list[Block] = list(self.temporal_transformer_blocks)  # type: ignore[arg-type]
        if self.config.variant == 2:
            return spatial + temporal
        return [block for pair in zip(spatial, temporal, strict=True) for block in pair]

    def forward(self, segments: Sequence[Segment]) -> list[Tensor]:
        """One prediction [F, out_channels, H, W] per segment. Raises `ConfigError` for latents of another shape.

        A segment that is one frame (or one tubelet) is a picture.
        """
        if self.config.padding == "left_out":
            segments = [replace(segment, text=without_padding(segment.text)) for segment in segments]
        grids = [self._check(segment) for segment in segments]
        shapes = [self._shape(segment, grid) for segment, grid in zip(segments, grids, strict=True)]
        order = sorted(range(len(segments)), key=shapes.__getitem__)
        segments, grids = [segments[place] for place in order], [grids[place] for place in order]
        stacks = stack_up(sorted(shapes))
        layout = Layout(stacks, self._turns(stacks, segments[0].latents.device))
        condition = self._condition(segments, grids)
        x = self._embed(segments, grids, condition)
        x = self._through_blocks(x, self._captions(segments), self.adaln_single(condition), layout)
        found = self._outputs(x, condition, layout, grids)
        return [found[order.index(place)] for place in range(len(order))]

    def _check(self, segment: Segment) -> Grid:
        config = self.config
        frames, channels = segment.latents.shape[:2]
        width = segment.text.shape[1]
        if channels != config.in_channels:
            hint = "; 3 channels are pixels that no VAE has encoded" if channels == 3 else ""
            raise ConfigError(f"latents have {channels} channels, the model takes {config.in_channels}{hint}")
        if config.conditioning != "none" and width != config.text_width:
            raise ConfigError(f"text states are {width} wide, the model takes {config.text_width}: another encoder?")
        grid = grid_of(segment.latents.shape, config.patch, config.patch_frames)
        if config.temporal_positions == "sincos" and grid[0] > config.frames:
            raise ConfigError(
                f"{frames} latent frames, and temporal positions for {config.most_frames}: train shorter clips "
                "(stages: max_seconds), or raise model.latte.frames"
            )
        return grid

    def _shape(self, segment: Segment, grid: Grid) -> Stack:
        places = grid[1] * grid[2] + int(self.config.condition_form == "tokens")
        return Stack(places, grid[0], len(segment.text) if self.config.conditioning == "text" else 0)

    def _turns(self, stacks: Sequence[Stack], device: torch.device) -> Tensor | None:
        """Rotations [clips' tokens, head_width / 2], for the stacks that have more than one frame."""
        if self.config.temporal_positions != "rotary":
            return None
        parts = []
        for stack in stacks:
            if stack.frames > 1:
                turns = temporal_turns(stack.frames, self.config.head_width)
                parts.append(_per_token(turns, stack))
        return torch.cat(parts).to(device) if parts else None

    def _condition(self, segments: Sequence[Segment], grids: Sequence[Grid]) -> Tensor:
        """What the time, the class and the frame rate make together, [segments, width]."""
        device = segments[0].latents.device
        times = torch.tensor([segment.timestep for segment in segments], device=device)
        found: Tensor = self.adaln_single.emb["timestep_embedder"](times)
        if self.config.conditioning == "class":
            found = found + self.class_embedding(torch.stack([segment.text[0, 0] for segment in segments]).long())
        if self.config.tells_rate:
            rates = torch.tensor([segment.fps for segment in segments], device=device)
            found = found + self.temporal_adapter(rates, torch.tensor([grid[0] for grid in grids], device=device))
        return found

    def _captions(self, segments: Sequence[Segment]) -> Tensor | None:
        if self.config.conditioning != "text":
            return None
        states = torch.cat([segment.text for segment in segments])
        if self.config.caption_width:
            states = self.text_adapter(states)
        found: Tensor = self.caption_projection(states)
        return found

    def _embed(self, segments: Sequence[Segment], grids: Sequence[Grid], condition: Tensor) -> Tensor:
        config = self.config
        patches = [patchify(one.latents, config.patch, config.patch_frames) for one in segments]
        frames = torch.split(self.pos_embed(torch.cat(patches)), [len(one) for one in patches])
        found = []
        for x, grid, told in zip(frames, grids, condition, strict=True):
            x = x.view(grid[0], -1, config.width) + self._places(grid).to(x)
            if config.condition_form == "tokens":
                x = torch.cat([told.to(x).expand(grid[0], 1, -1), x], dim=1)
            found.append(x.flatten(0, 1))
        return torch.cat(found)

    def _places(self, grid: Grid) -> Tensor:
        """What is added to each frame's patches [places, width]."""
        config = self.config
        if config.position_table:
            return resample_table(self.pos_embed.pos_embed, grid[1], grid[2])[0]
        base = config.sample_size // config.patch
        return spatial_sines(grid[1], grid[2], config.width, base, config.interpolation_scale)

    def _through_blocks(self, x: Tensor, captions: Tensor | None, clock: Clock, layout: Layout) -> Tensor:
        moments = clock.of_clips(layout)
        timed = False
        for block in self.blocks():
            if not timed and (self.config.joint or block.axis == "time"):
                x, timed = self._tell_frames(x, layout), True
            if block.axis == "time":
                clips = self._run(block, layout.take_clips(x), None, moments, layout.clips)
                x = layout.put_clips(x, clips)
            else:
                x = self._run(block, x, captions, clock, layout)
        return x

    def _run(self, block: nn.Module, *given: object) -> Tensor:
        found: Tensor
        if self.checkpoint_blocks and torch.is_grad_enabled():
            found = checkpoint(block, *given, use_reentrant=False)
        else:
            found = block(*given)
        return found

    def _tell_frames(self, x: Tensor, layout: Layout) -> Tensor:
        """Add the places of frames to the clips; pictures have none."""
        if self.config.temporal_positions != "sincos":
            return x
        clips = layout.take_clips(x)
        sines = [_per_token(temporal_sines(one.frames, self.config.width), one) for one in layout.clips.stacks]
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
        found = []
        for patches, grid in zip(torch.split(self.proj_out(x), layout.rows), grids, strict=True):
            # A token for the condition stands first in its frame.
            patches = patches.view(grid[0], -1, self.config.output_values)[:, -grid[1] * grid[2] :]
            found.append(self._frames(patches, grid))
        return found

    def _frames(self, patches: Tensor, grid: Grid) -> Tensor:
        """Patches [frames, places, values] as [F, out_channels, H, W]; values in order of row, column, channel."""
        frames, height, across = grid
        patch = self.config.patch
        cut = patches.reshape(frames, height, across, patch, patch, -1).permute(0, 5, 1, 3, 2, 4)
        found = cut.reshape(frames, -1, height * patch, across * patch)
        if self.config.patch_frames > 1:
            found = self.upsample(found.transpose(0, 1)[None])[0].transpose(0, 1)
        return found


def without_padding(text: Tensor) -> Tensor:
    """A caption's states [L, width] without the rows of zeros at its end; one row stays in any case."""
    spoken = text.any(dim=1).nonzero()
    return text[: int(spoken[-1]) + 1] if len(spoken) else text[:1]


def _per_token(frames: Tensor, stack: Stack) -> Tensor:
    """What belongs to frames [frames, width], for each of a stack's tokens."""
    return frames[None, :, None].expand(stack.clips, -1, stack.places, -1).flatten(0, 2)
