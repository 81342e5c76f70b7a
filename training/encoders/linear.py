"""The packaged stand-in for a VAE: blocks of 8x8 pixels x 4 frames to 16 channels by principal components, and back.

Linear, causal and without a network, so that the trainer runs on a CPU with nothing to download. The first frame is
encoded alone with a basis of its own, as in CogVideoX's VAE; n frames give 1 + (n - 1) / 4 latent frames. It preserves
about a mean colour and a few gradients per block. Its name states the PSNR on held-out videos at 256 lines; smaller
frames lose more. `fit_linear` writes the file of weights.

    codec = open_linear()
    mean, std = codec.encode(pixels)      # uint8 [17, 128, 192, 3] to [5, 16, 16, 24]
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from schemas.errors import StageError
from schemas.ids import digest
from training.encoders.pixels import check_pixels

WEIGHTS = Path(__file__).with_name("linear_8x8x4.safetensors")
SIDE, FRAMES, CHANNELS = 8, 4, 16
_VERSION = 1  # of the computation below


@dataclass(frozen=True, slots=True)
class Basis:
    """Maps blocks [..., values], frames * 8 * 8 * 3 values in -1 to 1, to 16 coefficients of variance 1.

    `rows` [16, values] are orthonormal; `mean` [values] and `scale` [16] are the mean and the standard deviations on
    the videos that it was fitted on.
    """

    rows: Tensor
    mean: Tensor
    scale: Tensor

    def encode(self, blocks: Tensor) -> Tensor:
        """Blocks [..., values] to coefficients [..., 16]."""
        # One affine map: (x - mean) rows^T / scale.
        weights = (self.rows / self.scale[:, None]).T
        return torch.addmm(-self.mean @ weights, blocks.flatten(0, -2), weights).view(*blocks.shape[:-1], CHANNELS)

    def decode(self, coefficients: Tensor) -> Tensor:
        """Coefficients [..., 16] to blocks [..., values]."""
        weights = self.rows * self.scale[:, None]
        blocks = torch.addmm(self.mean, coefficients.flatten(0, -2), weights)
        return blocks.view(*coefficients.shape[:-1], len(self.mean))


@dataclass(frozen=True, slots=True)
class Bases:
    """A file's bases and their PSNR in dB on held-out videos: `psnr` of both, `psnr_frames` of `first` alone."""

    first: Basis
    later: Basis
    psnr: float
    psnr_frames: float


class LinearCodec:
    """A `VideoCodec` without a posterior: the standard deviation is 0, so a clip has the same latents in every step."""

    channels = CHANNELS
    spatial_stride = SIDE
    temporal_stride = FRAMES

    def __init__(self, first: Basis, later: Basis, psnr: float) -> None:
        self._first, self._later = first, later
        self.name = f"linear {SIDE}x{SIDE}x{FRAMES} (PSNR {psnr:.1f} dB at 256 lines)"
        parts = [tensor for basis in (first, later) for tensor in (basis.rows, basis.mean, basis.scale)]
        self.identity = f"linear@{digest(_VERSION, *(part.numpy().tobytes().hex() for part in parts))}"

    def encode(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """See `VideoCodec`. Raises `ConfigError` for shapes that CogVideoX's VAE does not take either."""
        check_pixels(pixels, self.name)
        first = self._first.encode(as_floats(to_blocks(pixels[:1], 1)))
        later = self._later.encode(as_floats(to_blocks(pixels[1:], FRAMES)))
        mean = torch.cat([first, later]).permute(0, 3, 1, 2).contiguous()
        return mean, torch.zeros_like(mean)

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """See `VideoCodec`."""
        coefficients = latents.detach().to("cpu", torch.float32).permute(0, 2, 3, 1)
        first = from_blocks(self._first.decode(coefficients[:1]), 1)
        later = from_blocks(self._later.decode(coefficients[1:]), FRAMES)
        return np.concatenate([first, later])


def open_linear(weights: Path = WEIGHTS) -> LinearCodec:
    """The codec of a file that `fit_linear` wrote. Raises `StageError` if it cannot be read as such."""
    bases = read_bases(weights)
    return LinearCodec(bases.first, bases.later, bases.psnr)


def read_bases(weights: Path = WEIGHTS) -> Bases:
    """All that a file of `fit_linear` holds. Raises `StageError` if it cannot be read as such."""
    try:
        with safe_open(weights, framework="pt") as file:
            first, later = (
                Basis(*(file.get_tensor(f"{name}.{part}") for part in ("rows", "mean", "scale")))
                for name in ("first", "later")
            )
            facts = file.metadata()
            return Bases(first, later, float(facts["psnr"]), float(facts["psnr_frames"]))
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise StageError(f"{weights} is no linear codec ({error}); python -m training.encoders.fit_linear") from None


def to_blocks(pixels: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """Pixels [F, H, W, 3] as blocks [F / depth, H / 8, W / 8, depth * 192] of `depth` frames each."""
    frames, height, width, _ = pixels.shape
    split = pixels.reshape(frames // depth, depth, height // SIDE, SIDE, width // SIDE, SIDE, 3)
    blocks = split.transpose(0, 2, 4, 1, 3, 5, 6)
    return np.ascontiguousarray(blocks).reshape(*blocks.shape[:3], depth * SIDE * SIDE * 3)


def from_blocks(blocks: Tensor, depth: int) -> NDArray[np.uint8]:
    """The inverse of `to_blocks`, from values in -1 to 1 to uint8 [F, H, W, 3]; `depth` is the frames of a block."""
    groups, rows, columns, _ = blocks.shape
    rounded = blocks.add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
    frames = rounded.numpy().reshape(groups, rows, columns, depth, SIDE, SIDE, 3).transpose(0, 3, 1, 4, 2, 5, 6)
    return np.ascontiguousarray(frames).reshape(groups * depth, rows * SIDE, columns * SIDE, 3)


def as_floats(blocks: NDArray[np.uint8]) -> Tensor:
    """uint8 values 0 to 255 as float32 -1 to 1."""
    return torch.from_numpy(blocks).float().div_(127.5).sub_(1)
