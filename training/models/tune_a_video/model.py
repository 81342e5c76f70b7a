"""The inflated UNet as a model of clips: segments in, one prediction for each out.

    model = TuneAVideo(PRESETS["debug"])
    predictions = model([Segment(latents, text, timestep=500), ...])

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
    """Residuals of a side network for the frames of one clip, each tensor [frames, channels, height, width].

    `down` and `mid` are a ControlNet's (`down_block_additional_residuals`, `mid_block_additional_residual`), `adapter`
    a T2I-Adapter's (`down_intrablock_additional_residuals`).
    """

    down: tuple[Tensor, ...] = ()
    mid: Tensor | None = None
    adapter: tuple[Tensor, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.down) != (self.mid is not None):
            raise ConfigError("a ControlNet gives residuals for the way down and for the middle; give both, or neither")

    def arguments(self, clips: int) -> dict[str, Any]:
        """As diffusers' UNet takes them, for a batch of `clips` clips that are all guided alike."""

        def repeated(one: Tensor) -> Tensor:
            return one.repeat(clips, 1, 1, 1)

        found: dict[str, Any] = {}
        if self.mid is not None:
            found["down_block_additional_residuals"] = tuple(repeated(one) for one in self.down)
            found["mid_block_additional_residual"] = repeated(self.mid)
        if self.adapter:
            found["down_intrablock_additional_residuals"] = [repeated(one) for one in self.adapter]  # it is emptied
        return found


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
        """One prediction [F, out_channels, H, W] per segment. `control` guides every segment, which have one shape."""
        if self.checkpoint_blocks != self.unet.is_gradient_checkpointing:
            self._recompute(self.checkpoint_blocks)
        alike: dict[tuple[torch.Size, torch.Size], list[int]] = defaultdict(list)
        for place, one in enumerate(segments):
            alike[one.latents.shape, one.text.shape].append(place)
        found: dict[int, Tensor] = {}
        for places in alike.values():
            found.update(zip(places, self._predict([segments[place] for place in places], control), strict=True))
        return [found[place] for place in range(len(segments))]

    def zero_temporal(self) -> None:
        """Let attention over time add nothing, as before training."""
        for block in transformer_blocks(self.unet):
            zero_output(block)

    def _predict(self, segments: Sequence[Segment], control: Control | None) -> Sequence[Tensor]:
        frames, device = len(segments[0].latents), segments[0].latents.device
        latents = torch.cat([one.latents for one in segments])
        text = torch.stack([one.text for one in segments]).repeat_interleave(frames, dim=0)
        timesteps = torch.tensor([one.timestep for one in segments], device=device).repeat_interleave(frames)
        more = control.arguments(len(segments)) if control else {}
        with self._length.of(frames):
            predicted: Tensor = self.unet(latents, timesteps, text, return_dict=False, **more)[0]
        return predicted.chunk(len(segments))

    def _recompute(self, wanted: bool) -> None:
        if not wanted:
            self.unet.disable_gradient_checkpointing()
            return

        def run(part: Callable[..., Any], *arguments: Any) -> Any:
            # The backward pass comes after the call, when other clips may have gone through.
            frames = self._length.frames

            def again(*given: Any) -> Any:
                with self._length.of(frames):
                    return part(*given)

            return checkpoint(again, *arguments, use_reentrant=False)

        self.unet.enable_gradient_checkpointing(run)
