"""The packaged stand-in for an image VAE: every frame by itself, blocks of 8x8 pixels to 16 numbers, and back.

It is the linear codec with the basis of its first frame applied to all of them, for models that grew out of image
models (Latte, Tune-A-Video). Four times the latents of the linear codec keep a little more: the PSNR in its name is
measured on the same held-out clips.

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

_VERSION = 1  # of the arithmetic below


class LinearFrames:
    """A `VideoCodec` of any number of frames, without a posterior: its deviation is 0."""

    channels = CHANNELS
    spatial_stride = SIDE
    temporal_stride = 1

    def __init__(self, basis: Basis, psnr: float) -> None:
        self._basis = basis
        self.name = f"linear {SIDE}x{SIDE} per frame (PSNR {psnr:.1f} dB at 256 lines)"
        parts = (basis.rows, basis.mean, basis.scale)
        self.identity = f"linear-frames@{digest(_VERSION, *(part.numpy().tobytes().hex() for part in parts))}"

    def encode(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """See `VideoCodec`. Raises `ConfigError` for sides that do not divide by 16."""
        check_pixels(pixels, self.name, self.temporal_stride)
        mean = self._basis.encode(as_floats(to_blocks(pixels, 1))).permute(0, 3, 1, 2).contiguous()
        return mean, torch.zeros_like(mean)

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """See `VideoCodec`."""
        numbers = latents.detach().to("cpu", torch.float32).permute(0, 2, 3, 1)
        return from_blocks(self._basis.decode(numbers), 1)


def open_linear_frames(weights: Path = WEIGHTS) -> LinearFrames:
    """The codec of a file that `fit_linear` wrote. Raises `StageError` if it is none."""
    bases = read_bases(weights)
    return LinearFrames(bases.first, bases.psnr_frames)
