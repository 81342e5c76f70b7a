"""What the shared code asks of a kind of model: its sizes, its noise levels, its module, and what it costs.

A model's forward takes a list of segments of any shapes and gives one prediction for each (`training.models.segment`),
so loop, method, doctor, validation and sampling are the same for all of them. A new kind is one file here and one line
in the registry.

    python -m pytest tests/training/families
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from training.data.shapes import Geometry
from training.diffusion.schedule import Schedule
from training.encoders.base import TextEncoder, VideoCodec
from training.models.segment import Segment


class Sizes(Protocol):
    """A model's configuration, as far as the shared code reads it."""

    @property
    def parameters(self) -> int:
        """All weights."""
        ...

    @property
    def width(self) -> int:
        """Width of the residual stream."""
        ...

    @property
    def layers(self) -> int:
        """Blocks."""
        ...

    @property
    def in_channels(self) -> int:
        """Channels of the latents."""
        ...

    @property
    def out_channels(self) -> int:
        """Channels of a prediction; twice those of the latents where a variance is learned as well."""
        ...

    @property
    def learns_variance(self) -> bool:
        """Whether the second half of the channels of a prediction is the variance's share."""
        ...

    @property
    def text_width(self) -> int:
        """Width of the text states."""
        ...

    @property
    def text_length(self) -> int:
        """Tokens of a caption."""
        ...

    @property
    def reads_captions(self) -> bool:
        """Whether captions matter to it at all."""
        ...

    @property
    def text_in_sequence(self) -> bool:
        """Whether a caption's tokens stand in the sequence with the patches, or beside it (cross-attention)."""
        ...

    @property
    def most_frames(self) -> int | None:
        """Latent frames of a clip at most; None for any."""
        ...

    @property
    def kept_widths(self) -> int:
        """Widths per token and block that a backward pass needs."""
        ...

    @property
    def float32_share(self) -> float:
        """Share of them that stays float32 where matrix products are bfloat16."""
        ...

    @property
    def patch(self) -> int:
        """Side of a patch in latent pixels."""
        ...

    @property
    def patch_frames(self) -> int:
        """Latent frames of a patch."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """How a model is written for diffusers: its class, `config.json` and weights, and the scheduler's JSON.

    `pipeline` is the class that opens it all, None where diffusers has no class for the model.
    """

    model: str
    pipeline: str | None
    config: Mapping[str, object]
    scheduler: Mapping[str, object]
    weights: Mapping[str, Tensor]
    note: str = ""


class Family(Protocol):
    """One kind of model in one size, with the noise levels that it is trained at."""

    @property
    def sizes(self) -> Sizes:
        """The model's configuration."""
        ...

    @property
    def schedule(self) -> Schedule:
        """Its noise levels and what it predicts."""
        ...

    def published(self, weights: Mapping[str, Tensor]) -> Published:
        """How it is exported with these weights."""
        ...

    def module(self) -> nn.Module:
        """The model, with weights that mean nothing yet."""
        ...

    def initialise(self, model: nn.Module, seed: int) -> None:
        """Give it the weights from which training from scratch starts."""
        ...

    def shallow(self) -> "Family":
        """The same with as few blocks as possible, for a trial."""
        ...

    def blocks(self, model: nn.Module) -> Sequence[nn.Module]:
        """The repeated parts, which are sharded and recomputed one by one."""
        ...

    def smallest(self, device: torch.device) -> Segment:
        """The smallest clip of zeros that goes through every weight."""
        ...

    def flops(self, lengths: Sequence[int]) -> float:
        """Floating-point operations of a forward and a backward pass over segments of these lengths in tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A kind of model as a configuration names it. `weights` is None where it is trained from scratch."""

    family: Family
    weights: Mapping[str, Tensor] | None


def geometry_of(sizes: Sizes, codec: VideoCodec, text: TextEncoder) -> Geometry:
    """How model and encoders read pixels together."""
    return Geometry(
        spatial_stride=codec.spatial_stride,
        temporal_stride=codec.temporal_stride,
        patch=sizes.patch,
        patch_frames=sizes.patch_frames,
        text_length=text.length if sizes.text_in_sequence else 0,
    )
