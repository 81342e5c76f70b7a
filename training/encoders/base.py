"""What every video codec and text encoder of the trainer offers, whoever makes the numbers.

A `VideoCodec` is a VAE (`AutoencoderKLCogVideoX`, ...) or the packaged linear codec; a `TextEncoder` is T5 or the
packaged MiniLM. Both say their name and an identity of their weights, which stand in checkpoints and cache keys.

    python -m pytest tests/training/encoders
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class VideoCodec(Protocol):
    """Pixels to latents and back. Sides divide by 16; frames are 1 or 8k+1, or any number if each stands alone."""

    name: str
    """What is shown wherever it is used."""
    identity: str
    """Digest of weights, chunking, tiling and precision: equal latents, equal identity."""
    channels: int
    spatial_stride: int
    temporal_stride: int

    def encode(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """Mean and deviation [frames, channels, H / spatial_stride, W / spatial_stride], scaled, float32.

        Of uint8 [F, H, W, 3]; frames = 1 + (F - 1) / temporal_stride.
        """
        ...

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Pixels uint8 [F, H, W, 3] of scaled latents [frames, channels, height, width]."""
        ...


class TextEncoder(Protocol):
    """Captions to states of a fixed number of tokens; a shorter caption is padded as the encoder was trained to."""

    name: str
    identity: str
    width: int
    length: int

    def encode(self, captions: Sequence[str]) -> Tensor:
        """States [captions, length, width], float32. An empty caption is the unconditional one."""
        ...

    def count(self, caption: str) -> int:
        """Tokens of a caption, before anything is cut off or padded."""
        ...
