"""Samples and batches: pixels or latents, distinguished by type alone.

Other trainers have a switch for whether the data are latents already (`latent_input`); if it is wrong, raw pixels reach
the transformer. Here a sample's class determines it, and the method encodes pixel samples.

    batch = PixelBatch((PixelSample(sample_id="a", clip_id="b", shape=shape, pixels=pixels, caption="a cat"),))
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigError
from training.data.shapes import ClipShape

if TYPE_CHECKING:  # without importing torch, worker processes start in a quarter of the time
    from torch import Tensor

PIXEL_CHANNELS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelSample:
    """A clip's RGB `pixels` uint8 [F, H, W, 3] and its chosen caption, empty where it was dropped for guidance.

    Raises `ConfigError` if the pixels do not have the shape and type of `shape`.
    """

    sample_id: str
    clip_id: str
    shape: ClipShape
    pixels: NDArray[np.uint8]
    caption: str

    def __post_init__(self) -> None:
        expected = (self.shape.frames, self.shape.height, self.shape.width, PIXEL_CHANNELS)
        if self.pixels.shape != expected or self.pixels.dtype != np.uint8:
            raise ConfigError(
                f"sample {self.sample_id}: pixels {self.pixels.shape} {self.pixels.dtype}, expected {expected} uint8"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentSample:
    """A clip's VAE posterior, `mean` and standard deviation `std` [T, C, H, W], and its text embeddings.

    The moments are scaled for the model (about unit variance). `text` is [text_length, text_dim]. All are float32.
    Raises `ConfigError` for moments of other or different shapes.
    """

    sample_id: str
    clip_id: str
    shape: ClipShape
    mean: "Tensor"
    std: "Tensor"
    text: "Tensor"

    def __post_init__(self) -> None:
        if self.mean.ndim != 4 or self.mean.shape != self.std.shape:
            raise ConfigError(
                f"sample {self.sample_id}: mean and std must both be [frames, channels, height, width]; "
                f"these are {tuple(self.mean.shape)} and {tuple(self.std.shape)}"
            )


@dataclass(frozen=True, slots=True)
class PixelBatch:
    """One pack of clips as pixels."""

    samples: tuple[PixelSample, ...]


@dataclass(frozen=True, slots=True)
class LatentBatch:
    """One pack of clips as latents and text embeddings."""

    samples: tuple[LatentSample, ...]


Batch = PixelBatch | LatentBatch
Sample = PixelSample | LatentSample


def samples_of(batch: Batch) -> tuple[Sample, ...]:
    """A batch's samples, of either type."""
    return batch.samples
