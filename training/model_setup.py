"""From a configuration to a transformer: its sizes, its weights (fresh, or from a checkpoint), and what may learn.

just train <dataset> --set model.preset=2b
"""

import torch

from schemas.errors import ConfigError
from schemas.nearest import did_you_mean
from training.config import TrainConfig
from training.encoders.base import TextEncoder, VideoCodec
from training.models.cogvideox.config import PRESETS, CogVideoXConfig
from training.models.cogvideox.model import CogVideoX, initialise
from training.shapes import Geometry


def sizes_of(config: TrainConfig) -> CogVideoXConfig:
    """The sizes of the transformer that a configuration names."""
    if config.model.weights:
        from training.export.load import load_transformer

        return load_transformer(config.model.weights)[0]
    if config.model.preset not in PRESETS:
        raise ConfigError(
            f"model.preset {config.model.preset!r} is not known; {did_you_mean(config.model.preset, PRESETS)}"
        )
    return PRESETS[config.model.preset]


def build_model(config: TrainConfig) -> CogVideoX:
    """The transformer with its first weights, on the CPU, in float32."""
    sizes = sizes_of(config)
    model = CogVideoX(sizes)
    if config.model.weights:
        from training.export.load import load_transformer

        model.load_state_dict(load_transformer(config.model.weights)[1])
    else:
        initialise(model, config.seed)
    model.checkpoint_blocks = config.model.checkpoint_blocks
    return model.to(torch.float32)


def geometry_of(sizes: CogVideoXConfig, codec: VideoCodec, text: TextEncoder) -> Geometry:
    """How model and encoders read pixels together."""
    return Geometry(
        spatial_stride=codec.spatial_stride,
        temporal_stride=codec.temporal_stride,
        patch=sizes.patch,
        patch_frames=sizes.patch_frames,
        text_length=text.length,
    )
