"""The sizes of an inflated UNet: diffusers' own `config.json`, and the options of Tune-A-Video.

config = TuneAVideoConfig(read_settings(unet_folder("models/stable-diffusion-v1-4")))
config = PRESETS["sd-1.4"]
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from training.models.tune_a_video.inflate import GroupNorm

CLIP_LENGTH = 77
"""Tokens of a caption in Stable Diffusion."""


@dataclass(frozen=True)
class TuneAVideoConfig:
    """`unet` are the settings of diffusers' `UNet2DConditionModel`; see `training.families.base.Sizes` for the rest."""

    unet: Mapping[str, Any]
    text_length: int = CLIP_LENGTH
    norm: GroupNorm = "frame"

    @property
    def parameters(self) -> int:
        """Total number of parameters, including the temporal ones."""
        return self._counted

    @cached_property
    def _counted(self) -> int:
        from training.models.tune_a_video.model import TuneAVideo

        with torch.device("meta"):
            return sum(parameter.numel() for parameter in TuneAVideo(self).parameters())

    @property
    def max_frames(self) -> int | None:
        """None: temporal attention has no positions."""
        return None

    @property
    def activations_per_token(self) -> int:
        """The same as for other transformers; convolutions are not counted."""
        return 30

    @property
    def float32_share(self) -> float:
        """Norms and residual sums."""
        return 0.4

    @property
    def reads_captions(self) -> bool:
        """True: the model is text-conditioned."""
        return True

    @property
    def text_in_sequence(self) -> bool:
        """False: captions are read by cross-attention."""
        return False

    @property
    def patch_frames(self) -> int:
        """1: every frame is embedded by itself."""
        return 1

    @property
    def in_channels(self) -> int:
        """Channels of the latents."""
        return int(self.unet["in_channels"])

    @property
    def out_channels(self) -> int:
        """Channels of a prediction."""
        return int(self.unet["out_channels"])

    @property
    def learns_variance(self) -> bool:
        """False: only the noise is predicted."""
        return False

    @property
    def text_dim(self) -> int:
        """Width of the text states."""
        return int(self.unet["cross_attention_dim"])

    @property
    def width(self) -> int:
        """Channels of the first level."""
        return int(self.unet["block_out_channels"][0])

    @property
    def layers(self) -> int:
        """Levels of the UNet."""
        return len(self.unet["block_out_channels"])

    @property
    def patch(self) -> int:
        """Side in latent pixels of one pixel of the deepest level; sides of latents must be multiples of it."""
        return int(2 ** (self.layers - 1))


def _unet(channels: int, text_dim: int, widths: tuple[int, ...], deepest: bool, **more: object) -> dict[str, Any]:
    levels = len(widths)
    down = ["CrossAttnDownBlock2D"] * levels
    up = ["CrossAttnUpBlock2D"] * levels
    if not deepest:
        down[-1], up[0] = "DownBlock2D", "UpBlock2D"
    return {
        "in_channels": channels,
        "out_channels": channels,
        "cross_attention_dim": text_dim,
        "block_out_channels": widths,
        "down_block_types": tuple(down),
        "up_block_types": tuple(up),
        **more,
    }


PRESETS: dict[str, TuneAVideoConfig] = {
    "debug": TuneAVideoConfig(
        _unet(16, 384, (32, 64), True, attention_head_dim=4, norm_num_groups=8, layers_per_block=1), text_length=32
    ),
    "sd-1.4": TuneAVideoConfig(_unet(4, 768, (320, 640, 1280, 1280), False, attention_head_dim=8, sample_size=64)),
}
"""Sizes by name: `debug` for tests and CPUs, with the packaged encoders, and Stable Diffusion 1.4's."""
