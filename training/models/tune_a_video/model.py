"""The inflated UNet as a model of clips: one prediction per segment.

    model = TuneAVideo(PRESETS["debug"])
    predictions = model([Segment(latents, text, timestep=500), ...])      # one [T, out_channels, H, W] per segment

`model.unet` is diffusers' class with all its weights under their own names (`training.models.tune_a_video.inflate`).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from schemas.errors import ConfigError
from training.models.segment import Segment
from training.models.tune_a_video.attention import ClipLength, zero_output
from training.models.tune_a_video.config import TuneAVideoConfig
from training.models.tune_a_video.inflate import inflate, transformer_blocks


@dataclass(frozen=True, slots=True)
class Control:
    """Residuals of a side network for the frames of one clip, each tensor [T, C, H, W].

    `down` and `mid` are a ControlNet's (`down_block_additional_residuals`, `mid_block_additional_residual`), `adapter`
    a T2I-Adapter's (`down_intrablock_additional_residuals`).
    """

    down: tuple[Tensor, ...] = ()
    mid: Tensor | None = None
    adapter: tuple[Tensor, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.down) != (self.mid is not None):
            raise ConfigError(
                "a ControlNet has residuals for the down blocks and for the mid block; give both or neither"
            )

    def arguments(self, clips: int) -> dict[str, Any]:
        """Keyword arguments for diffusers' UNet, repeated for a batch of `clips` clips."""

        def repeated(residual: Tensor) -> Tensor:
            return residual.repeat(clips, 1, 1, 1)

        residuals: dict[str, Any] = {}
        if self.mid is not None:
            residuals["down_block_additional_residuals"] = tuple(repeated(residual) for residual in self.down)
            residuals["mid_block_additional_residual"] = repeated(self.mid)
        if self.adapter:
            residuals["down_intrablock_additional_residuals"] = [
                repeated(residual) for residual in self.adapter
            ]  # diffusers pops from it
        return residuals


class TuneAVideo(nn.Module):
    """See `training.models.segment.Predictor`. Segments of one shape go through the UNet together."""

    def __init__(self, config: TuneAVideoConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpoint_blocks = False
        self._length = ClipLength()
        self.unet: Any = UNet2DConditionModel.from_config(dict(config.unet))
        inflate(self.unet, self._length, config.norm)

    def forward(self, segments: Sequence[Segment], control: Control | None = None) -> list[Tensor]:
        """One prediction [T, out_channels, H, W] per segment.

        `control` is applied to every segment; all segments must then have its shape.
        """
        if self.checkpoint_blocks != self.unet.is_gradient_checkpointing:
            self._set_checkpointing(self.checkpoint_blocks)
        by_shape: dict[tuple[torch.Size, torch.Size], list[int]] = defaultdict(list)
        for index, segment in enumerate(segments):
            by_shape[segment.latents.shape, segment.text.shape].append(index)
        predictions: dict[int, Tensor] = {}
        for indices in by_shape.values():
            predictions.update(
                zip(indices, self._predict([segments[index] for index in indices], control), strict=True)
            )
        return [predictions[index] for index in range(len(segments))]

    def zero_temporal(self) -> None:
        """Zero the temporal attentions' outputs, as before training."""
        for block in transformer_blocks(self.unet):
            zero_output(block)

    def _predict(self, segments: Sequence[Segment], control: Control | None) -> Sequence[Tensor]:
        frames, device = len(segments[0].latents), segments[0].latents.device
        latents = torch.cat([segment.latents for segment in segments])
        text = torch.stack([segment.text for segment in segments]).repeat_interleave(frames, dim=0)
        timesteps = torch.tensor([segment.timestep for segment in segments], device=device).repeat_interleave(frames)
        more = control.arguments(len(segments)) if control else {}
        with self._length.of(frames):
            predicted: Tensor = self.unet(latents, timesteps, text, return_dict=False, **more)[0]
        return predicted.chunk(len(segments))

    def _set_checkpointing(self, enabled: bool) -> None:
        if not enabled:
            self.unet.disable_gradient_checkpointing()
            return

        def run(module: Callable[..., Any], *arguments: Any) -> Any:
            # The backward pass recomputes after the call, when the frame count may have changed.
            frames = self._length.frames

            def forward(*tensors: Any) -> Any:
                with self._length.of(frames):
                    return module(*tensors)

            return checkpoint(forward, *arguments, use_reentrant=False)

        self.unet.enable_gradient_checkpointing(run)
