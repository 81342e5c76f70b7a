"""The interface of a model family: its configuration, noise schedule, module and cost.

A model's forward takes a list of segments of any shapes and returns one prediction for each
(`training.models.segment`), so loop, method, doctor, validation and sampling are the same for all families. A new
family is one file here and one line in the registry.

    family = open_family(config).family
    model = family.module()
    family.initialise(model, seed=0)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from schemas.errors import ConfigError
from schemas.nearest import did_you_mean
from training.config import TrainConfig
from training.data.shapes import Geometry
from training.diffusion.schedule import Schedule
from training.encoders.base import TextEncoder, VideoCodec
from training.models.segment import Segment

Preset = TypeVar("Preset")


class Sizes(Protocol):
    """The part of a model's configuration that the shared code reads."""

    @property
    def parameters(self) -> int:
        """Total number of parameters."""
        ...

    @property
    def width(self) -> int:
        """Width of the residual stream."""
        ...

    @property
    def layers(self) -> int:
        """Number of blocks."""
        ...

    @property
    def in_channels(self) -> int:
        """Channels of the latents."""
        ...

    @property
    def out_channels(self) -> int:
        """Channels of a prediction; twice those of the latents if the variance is learned."""
        ...

    @property
    def learns_variance(self) -> bool:
        """Whether the second half of a prediction's channels is the learned variance."""
        ...

    @property
    def text_dim(self) -> int:
        """Dimension of the text embeddings."""
        ...

    @property
    def text_length(self) -> int:
        """Number of tokens of a caption."""
        ...

    @property
    def reads_captions(self) -> bool:
        """Whether the model is text-conditioned."""
        ...

    @property
    def text_in_sequence(self) -> bool:
        """Whether a caption's tokens are in one sequence with the patches, or are read by cross-attention."""
        ...

    @property
    def max_frames(self) -> int | None:
        """The largest number of latent frames per clip; None for any."""
        ...

    @property
    def activations_per_token(self) -> int:
        """Activations per token and block that the backward pass needs, in multiples of `width`."""
        ...

    @property
    def float32_share(self) -> float:
        """Fraction of these activations that stays float32 where matrix products are bfloat16."""
        ...

    @property
    def patch(self) -> int:
        """Side of a patch in latent pixels."""
        ...

    @property
    def patch_frames(self) -> int:
        """Number of latent frames of a patch."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A model in diffusers' format: its class, `config.json` and weights, and the scheduler's JSON.

    `pipeline` is the pipeline's class, None where diffusers has no class for the model. `note` tells the user why.
    """

    model: str
    pipeline: str | None
    config: Mapping[str, object]
    scheduler: Mapping[str, object]
    weights: Mapping[str, Tensor]
    note: str = ""


class Family(Protocol):
    """One model architecture in one size, with its noise schedule."""

    @property
    def sizes(self) -> Sizes:
        """The model's configuration."""
        ...

    @property
    def schedule(self) -> Schedule:
        """Its noise schedule and prediction target."""
        ...

    def published(self, weights: Mapping[str, Tensor]) -> Published:
        """The model with these weights in diffusers' format. Raises `ConfigError` if it cannot be exported."""
        ...

    def module(self) -> nn.Module:
        """The model, with uninitialised or default weights."""
        ...

    def initialise(self, model: nn.Module, seed: int) -> None:
        """Set the initial weights for training from scratch, in place."""
        ...

    def shallow(self) -> "Family":
        """The same family with as few blocks as possible, for a trial run."""
        ...

    def blocks(self, model: nn.Module) -> Sequence[nn.Module]:
        """The repeated blocks; each is sharded and recomputed as a unit."""
        ...

    def smallest(self, device: torch.device) -> Segment:
        """The smallest segment of zeros that goes through every weight."""
        ...

    def flops(self, lengths: Sequence[int]) -> float:
        """FLOPs of a forward and a backward pass over segments of `lengths` tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A family as configured, and its weights; None where it is trained from scratch."""

    family: Family
    weights: Mapping[str, Tensor] | None


def preset_of(config: TrainConfig, presets: Mapping[str, Preset]) -> Preset:
    """The sizes that `model.preset` names. Raises `ConfigError` with the nearest name if there are none."""
    name = config.model.preset
    if name not in presets:
        raise ConfigError(f"model.preset {name!r} is not known; {did_you_mean(name, presets)}")
    return presets[name]


def geometry_of(sizes: Sizes, codec: VideoCodec, text: TextEncoder) -> Geometry:
    """The strides of codec and model together, from which token counts follow."""
    return Geometry(
        spatial_stride=codec.spatial_stride,
        temporal_stride=codec.temporal_stride,
        patch=sizes.patch,
        patch_frames=sizes.patch_frames,
        text_length=text.length if sizes.text_in_sequence else 0,
    )
