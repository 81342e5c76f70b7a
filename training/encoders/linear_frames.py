"""The packaged stand-in for an image VAE: every frame by itself, blocks of 8x8 pixels to 16 channels, and back.

It is the linear codec with the basis of its first frame applied to all frames, for models that extend image models
(Latte, Tune-A-Video). It has four times the latents of the linear codec and a slightly higher PSNR, which its name
states, measured on the same held-out clips.

    just train <dataset> --set encoders.codec=linear-frames
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.ids import digest
from training.encoders.linear import CHANNELS, SIDE, WEIGHTS, Basis, as_floats, from_blocks, read_bases, to_blocks
from training.encoders.pixels import check_pixels

_VERSION = 1  # of the computation below


class LinearFrames:
    """A `VideoCodec` for any number of frames, without a posterior: the standard deviation is 0."""

    channels = CHANNELS
    spatial_stride = SIDE
    temporal_stride = 1

    def __init__(self, basis: Basis, psnr: float) -> None:
        self._basis = basis
        self.name = f"linear {SIDE}x{SIDE} per frame (PSNR {psnr:.1f} dB at 256 lines)"
        parts = (basis.rows, basis.mean, basis.scale)
        self.identity = f"linear-frames@{digest(_VERSION, *(part.numpy().tobytes().hex() for part in parts))}"

    def encode(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """See `VideoCodec`. Raises `ConfigError` for sides that are not multiples of 16."""
        check_pixels(pixels, self.name, self.temporal_stride)
        mean = self._basis.encode(as_floats(to_blocks(pixels, 1))).permute(0, 3, 1, 2).contiguous()
        return mean, torch.zeros_like(mean)

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """See `VideoCodec`."""
        coefficients = latents.detach().to("cpu", torch.float32).permute(0, 2, 3, 1)
        return from_blocks(self._basis.decode(coefficients), 1)


def open_linear_frames(weights: Path = WEIGHTS) -> LinearFrames:
    """The codec of a file that `fit_linear` wrote. Raises `StageError` if it cannot be read as such."""
    bases = read_bases(weights)
    return LinearFrames(bases.first, bases.psnr_frames)
