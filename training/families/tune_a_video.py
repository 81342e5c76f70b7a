"""Tune-A-Video: an inflated Stable Diffusion UNet with noise prediction, from the folder of an image model.

just tune video.mp4 "a man skis" --model models/stable-diffusion-v1-4 --edit "a bear skis"
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from schemas.errors import ConfigError
from training.checkpoints.files import check_scheduler
from training.config import TrainConfig
from training.diffusion.schedule import NoiseSchedule
from training.families.base import Family, Opened, Published, preset_of
from training.models.segment import Segment
from training.models.tune_a_video.config import PRESETS, TuneAVideoConfig
from training.models.tune_a_video.inflate import GroupNorm
from training.models.tune_a_video.model import TuneAVideo
from training.models.tune_a_video.weights import first_weights, read_settings, start, unet_folder

_FRAMES, _SIDE = 2, 4  # of the clip whose FLOPs are counted; the side is in pixels of the deepest level
# Stable Diffusion's scheduler; models with another were trained at other noise levels or predict something else.
_SCHEDULER = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "epsilon",
    "num_train_timesteps": 1000,
}


@dataclass(frozen=True)
class TuneAVideoFamily:
    """See `Family`."""

    sizes: TuneAVideoConfig
    schedule: NoiseSchedule

    def published(self, weights: Mapping[str, Tensor]) -> Published:
        """See `Family`."""
        raise ConfigError(
            "diffusers has no class for an inflated UNet; the tuned weights are in the run's tuned.safetensors"
        )

    def module(self) -> TuneAVideo:
        """See `Family`."""
        return TuneAVideo(self.sizes)

    def initialise(self, model: nn.Module, seed: int) -> None:
        """See `Family`; torch's initial weights."""
        assert isinstance(model, TuneAVideo)
        start(model, seed)

    def shallow(self) -> Family:
        """See `Family`; every level keeps one block."""
        return TuneAVideoFamily(replace(self.sizes, unet={**self.sizes.unet, "layers_per_block": 1}), self.schedule)

    def blocks(self, model: nn.Module) -> Sequence[nn.Module]:
        """See `Family`; the UNet's levels."""
        assert isinstance(model, TuneAVideo)
        return [*model.unet.down_blocks, model.unet.mid_block, *model.unet.up_blocks]

    def smallest(self, device: torch.device) -> Segment:
        """See `Family`; one frame that is one pixel at the deepest level, and one token."""
        sizes = self.sizes
        latents = torch.zeros(1, sizes.in_channels, sizes.patch, sizes.patch, device=device)
        return Segment(latents, torch.zeros(1, sizes.text_dim, device=device), 0)

    def flops(self, lengths: Sequence[int]) -> float:
        """See `Family`; proportional to the length, so the quadratic cost of attention is underestimated."""
        return self._per_token * sum(lengths)

    @cached_property
    def _per_token(self) -> float:
        """FLOPs per pixel of the deepest level: a forward pass, and a backward pass of twice as many."""
        sizes = self.sizes
        counter = FlopCounterMode(display=False)
        with torch.device("meta"), counter:
            latents = torch.zeros(_FRAMES, sizes.in_channels, _SIDE * sizes.patch, _SIDE * sizes.patch)
            self.module()([Segment(latents, torch.zeros(sizes.text_length, sizes.text_dim), 0)])
        return 3.0 * int(counter.get_total_flops()) / (_FRAMES * _SIDE**2)


def open_tune_a_video(config: TrainConfig) -> Opened:
    """A preset, or the UNet in `model.weights`. Raises `ConfigError` for other models and other noise schedules."""
    schedule, norm = NoiseSchedule("scaled_linear"), config.model.tune_a_video.group_norm
    if config.model.weights:
        return _from_folder(config.model.weights, norm, schedule, config.seed)
    return Opened(TuneAVideoFamily(replace(preset_of(config, PRESETS), norm=norm), schedule), None)


def _from_folder(path: str, norm: GroupNorm, schedule: NoiseSchedule, seed: int) -> Opened:
    folder = unet_folder(path)
    # A UNet without its pipeline's scheduler is taken to be Stable Diffusion 1's.
    check_scheduler(folder.parent, _SCHEDULER, "Tune-A-Video is trained here")
    family = TuneAVideoFamily(TuneAVideoConfig(read_settings(folder), norm=norm), schedule)
    return Opened(family, first_weights(family.module(), folder, seed))
