"""CogVideoX: one sequence of text and patches, v-prediction, an SNR shift; sizes from a preset or from weights.

just train <dataset> --recipe cogvideox-2b
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from training.config import TrainConfig
from training.diffusion.schedule import TIMESTEPS, VelocitySchedule
from training.families.base import Family, Opened, Published, preset_of
from training.models.cogvideox.config import PRESETS, CogVideoXConfig
from training.models.cogvideox.flops import training_flops
from training.models.cogvideox.layers import Block
from training.models.cogvideox.load import TRANSFORMER, load_transformer
from training.models.cogvideox.model import CogVideoX, initialise
from training.models.segment import Segment


@dataclass(frozen=True, slots=True)
class CogVideoXFamily:
    """See `Family`."""

    sizes: CogVideoXConfig
    schedule: VelocitySchedule

    def published(self, weights: Mapping[str, Tensor]) -> Published:
        """See `Family`. The scheduler's settings are written in full, since its class has other defaults."""
        scheduler = {
            "_class_name": "CogVideoXDDIMScheduler",
            "num_train_timesteps": TIMESTEPS,
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "prediction_type": "v_prediction",
            "rescale_betas_zero_snr": True,
            "timestep_spacing": "trailing",
            "clip_sample": False,
            "set_alpha_to_one": True,
            "steps_offset": 0,
            "snr_shift_scale": self.schedule.shift,
        }
        return Published(
            model=TRANSFORMER,
            pipeline="CogVideoXPipeline",
            config=self.sizes.to_diffusers(),
            scheduler=scheduler,
            weights=weights,
        )

    def module(self) -> CogVideoX:
        """See `Family`."""
        return CogVideoX(self.sizes)

    def initialise(self, model: nn.Module, seed: int) -> None:
        """See `Family`; as in SAT, all modulation starts at zero."""
        assert isinstance(model, CogVideoX)
        initialise(model, seed)

    def shallow(self) -> Family:
        """See `Family`."""
        return CogVideoXFamily(replace(self.sizes, layers=1), self.schedule)

    def blocks(self, model: nn.Module) -> Sequence[nn.Module]:
        """See `Family`."""
        return [module for module in model.modules() if isinstance(module, Block)]

    def smallest(self, device: torch.device) -> Segment:
        """See `Family`; one patch and one token."""
        sizes = self.sizes
        latents = torch.zeros(sizes.patch_frames, sizes.in_channels, sizes.patch, sizes.patch, device=device)
        return Segment(latents, torch.zeros(1, sizes.text_dim, device=device), 0)

    def flops(self, lengths: Sequence[int]) -> float:
        """See `Family`."""
        return training_flops(self.sizes, lengths)


def open_cogvideox(config: TrainConfig) -> Opened:
    """A preset, or the model in `model.weights`. Raises `ConfigError` for an unknown preset and for other weights."""
    schedule = VelocitySchedule(config.snr_shift)
    if config.model.weights:
        sizes, weights = load_transformer(config.model.weights)
        return Opened(CogVideoXFamily(sizes, schedule), weights)
    return Opened(CogVideoXFamily(preset_of(config, PRESETS), schedule), None)
