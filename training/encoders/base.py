"""The interfaces of video codecs and text encoders.

A `VideoCodec` is a VAE (`AutoencoderKLCogVideoX`, ...) or the packaged linear codec; a `TextEncoder` is T5, CLIP or the
packaged MiniLM. Both have a name and an identity of their weights, which are written to checkpoints and cache keys.

    mean, std = codec.encode(pixels)             # uint8 [F, H, W, 3] to float32 [T, C, H / 8, W / 8]
    embeddings = text_encoder.encode(captions)   # float32 [B, length, hidden_size]
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class VideoCodec(Protocol):
    """Pixels to latents and back. Sides are multiples of 16; frames 1 or 8k+1, or any number for per-frame codecs."""

    name: str
    """Shown to the user wherever the codec is used."""
    identity: str
    """Digest of weights, chunking, tiling and precision: equal identities give equal latents."""
    channels: int
    spatial_stride: int
    temporal_stride: int

    def encode(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the posterior of `pixels` uint8 [F, H, W, 3].

        Both are float32 [T, C, H / spatial_stride, W / spatial_stride] with T = 1 + (F - 1) / temporal_stride, scaled
        to about unit variance. Raises `ConfigError` for a shape that the codec does not take.
        """
        ...

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Scaled latents [T, C, H, W] to pixels uint8 [F, H * spatial_stride, W * spatial_stride, 3]."""
        ...


class TextEncoder(Protocol):
    """Captions to embeddings of a fixed number of tokens; a shorter caption is padded as in the encoder's training."""

    name: str
    identity: str
    hidden_size: int
    """Dimension of the embeddings."""
    length: int
    """Tokens per caption, padding included."""

    def encode(self, captions: Sequence[str]) -> Tensor:
        """Embeddings [B, length, hidden_size], float32, on the CPU. The empty caption is the unconditional one."""
        ...

    def count(self, caption: str) -> int:
        """Number of tokens of a caption before truncation and padding."""
        ...
