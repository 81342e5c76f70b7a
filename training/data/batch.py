"""What the loader hands to a method: pixels or latents, told apart by type and by nothing else.

Other trainers have a switch that says whether the data are latents already (`latent_input`); where it is wrong, raw
pixels reach the transformer. Here a sample's class says what it is, and the method encodes what is not encoded.

    python -m pytest tests/training/data/test_batch.py
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigError
from training.data.shapes import ClipShape

if TYPE_CHECKING:  # processes that read pixels start in a quarter of the time without torch
    from torch import Tensor

PIXEL_CHANNELS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelSample:
    """A clip as the shard holds it: RGB `pixels` uint8 [frames, height, width, 3], and the caption chosen for it.

    `caption` is empty where it was dropped for guidance.
    """

    sample_id: str
    clip_id: str
    shape: ClipShape
    pixels: NDArray[np.uint8]
    caption: str

    def __post_init__(self) -> None:
        wanted = (self.shape.frames, self.shape.height, self.shape.width, PIXEL_CHANNELS)
        if self.pixels.shape != wanted or self.pixels.dtype != np.uint8:
            raise ConfigError(
                f"sample {self.sample_id}: pixels {self.pixels.shape} {self.pixels.dtype}, wanted {wanted} uint8"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentSample:
    """A clip as the VAE saw it: mean and standard deviation of its posterior [frames, channels, height, width].

    The moments are scaled as the model wants them (about unit variance). `text` is [text_length, width].
    """

    sample_id: str
    clip_id: str
    shape: ClipShape
    mean: "Tensor"
    deviation: "Tensor"
    text: "Tensor"

    def __post_init__(self) -> None:
        if self.mean.ndim != 4 or self.mean.shape != self.deviation.shape:
            raise ConfigError(
                f"sample {self.sample_id}: latents are [frames, channels, height, width], mean and deviation alike; "
                f"these are {tuple(self.mean.shape)} and {tuple(self.deviation.shape)}"
            )


@dataclass(frozen=True, slots=True)
class PixelBatch:
    """One pack of clips as pixels."""

    samples: tuple[PixelSample, ...]


@dataclass(frozen=True, slots=True)
class LatentBatch:
    """One pack of clips as latents and text states."""

    samples: tuple[LatentSample, ...]


Batch = PixelBatch | LatentBatch
Sample = PixelSample | LatentSample


def samples_of(batch: Batch) -> tuple[Sample, ...]:
    """A batch's samples, where it does not matter what they hold."""
    return batch.samples
