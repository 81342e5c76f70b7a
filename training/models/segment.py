"""What every model is given: noisy clips and pictures of any shape, each with its caption and noise level.

predictions = model([Segment(latents, text, timestep=500), ...])      # one [F, out_channels, H, W] per segment

python -m pytest tests/training/models
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Segment:
    """One noisy clip or picture: latents [F, C, H, W], text states [L, text_width], timestep (0 to 999).

    `fps` are the clip's frames per second, 0 for a picture, for models that are told them.
    """

    latents: Tensor
    text: Tensor
    timestep: int
    fps: float = 0.0


Predictor = Callable[[Sequence[Segment]], list[Tensor]]
"""A model: one prediction [F, out_channels, H, W] per segment."""
