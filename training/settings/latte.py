"""What a Latte can be told beside its preset.

just train <dataset> --recipe latte-demo --set model.latte.variant=2
"""

from typing import Literal

from pydantic import Field

from training.settings.base import FamilySection


class LatteSettings(FamilySection):
    """Changes to a Latte's preset (2401.03048); null keeps the value of the preset or the weights."""

    variant: Literal[1, 2, 3, 4] | None = None
    """1 alternates spatial and temporal blocks, 2 has all spatial ones first, 3 both in each block, 4 split heads."""
    patch_frames: int | None = Field(default=None, ge=1)
    """1 embeds frame by frame, s > 1 tubelets of s frames."""
    condition_form: Literal["adaln", "tokens"] | None = None
    """The timestep is applied by modulation (S-AdaLN), or is an additional token of each frame."""
    temporal_positions: Literal["sincos", "rotary"] | None = None
    frames: int | None = Field(default=None, ge=1)
    """The number of temporal positions: the largest number of latent frames."""
    text_length: int | None = Field(default=None, ge=1)
    """Tokens of a caption; diffusers' files do not state it (PixArt-alpha and Latte: 120)."""
    text_width: int | None = Field(default=None, ge=1)
    """Embedding dimension of a text encoder other than PixArt-alpha's; an adapter maps it to PixArt-alpha's."""
    padding: Literal["attended", "left_out"] | None = None
    """Whether a caption's padding (rows of zeros) is attended to; PixArt-alpha and Latte skip it."""
    tells_rate: bool | None = None
    """Whether the model is conditioned on a clip's frame rate and frame count, by an adapter that starts at zero."""
    temporal_start: Literal["xavier", "kaiming"] = "xavier"
    """Initialisation of the temporal layers that PixArt-alpha lacks; their outputs start at zero."""
