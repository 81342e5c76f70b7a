"""The input of every model: noisy clips and images of any shape, each with its text embeddings and timestep.

predictions = model([Segment(latents, text, timestep=500), ...])      # one [T, out_channels, H, W] per segment
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Segment:
    """One noisy clip or image: `latents` [T, C, H, W], `text` embeddings [L, text_dim], `timestep` from 0 to 999.

    `fps` is the clip's frame rate, 0 for an image. Only models that are conditioned on the frame rate read it.
    """

    latents: Tensor
    text: Tensor
    timestep: int
    fps: float = 0.0


Predictor = Callable[[Sequence[Segment]], list[Tensor]]
"""A model: one prediction [T, out_channels, H, W] per segment."""
