"""diffusers' image VAEs as video codecs: each frame is encoded by itself, so clips have any number of frames.

`image-vae` is `AutoencoderKL` (Stable Diffusion, PixArt: 8x8 to 4 channels). `tiny-vae` is `AutoencoderTiny` (TAESD),
which approximates the same VAE at a fraction of the cost and has no posterior standard deviation. Latents are
`(z - shift_factor) * scaling_factor`, as in diffusers' pipelines.

    just train <dataset> --set encoders.codec=image-vae --set encoders.codec_weights=models/stable-diffusion-v1-4
"""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.errors import ConfigError, StageError
from schemas.fingerprint import fingerprint
from training.encoders.cogvideox_vae import vae_folder
from training.encoders.pixels import check_pixels

Kind = Literal["image-vae", "tiny-vae"]
_CLASSES: dict[Kind, str] = {"image-vae": "AutoencoderKL", "tiny-vae": "AutoencoderTiny"}
_VERSION = 1  # of the computation below
_BATCH = 8  # frames per call; they do not affect each other


class ImageVae:
    """A `VideoCodec` for any number of frames. `tiling` halves the memory and changes the latents slightly."""

    temporal_stride = 1

    def __init__(
        self,
        kind: Kind,
        folder: Path,
        precision: torch.dtype = torch.float32,
        tiling: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        """Raises `ConfigError` for another VAE class, `StageError` for weights that do not load."""
        self._kind: Kind = kind
        self._network: Any = _load(_CLASSES[kind], folder, precision).eval().requires_grad_(False).to(device)
        if tiling:
            self._network.enable_tiling()
        self._device, self._precision = torch.device(device), precision
        config = self._network.config
        self._scale, self._shift = float(config.scaling_factor), float(config.get("shift_factor") or 0)
        self.channels = int(config.latent_channels)
        widths = config.encoder_block_out_channels if kind == "tiny-vae" else config.block_out_channels
        self.spatial_stride = 2 ** (len(widths) - 1)
        shift = f", shift {self._shift:g}" if self._shift else ""
        self.name = f"{_CLASSES[kind]} per frame (scale {self._scale:g}{shift}{', tiled' if tiling else ''})"
        self.identity = (
            f"{kind}@{fingerprint(folder)}, version {_VERSION}, {str(precision).removeprefix('torch.')}, "
            f"{'tiled' if tiling else 'untiled'}"
        )

    @torch.inference_mode()
    def encode(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """See `VideoCodec`. Raises `ConfigError` for sides that are not multiples of 16."""
        check_pixels(pixels, self.name, self.temporal_stride)
        batches = [pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH)]
        moments = [self._moments(torch.from_numpy(np.ascontiguousarray(batch))) for batch in batches]
        mean, std = (torch.cat(moment) for moment in zip(*moments, strict=True))
        return self._scale * (mean - self._shift), self._scale * std

    def _moments(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        images = frames.to(self._device).permute(0, 3, 1, 2).to(self._precision).div_(127.5).sub_(1)
        if self._kind == "tiny-vae":
            mean = self._network.encode(images).latents.float().cpu()
            return mean, torch.zeros_like(mean)
        posterior = self._network.encode(images).latent_dist
        return posterior.mean.float().cpu(), posterior.std.float().cpu()

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """See `VideoCodec`."""
        batches = [latents[start : start + _BATCH] for start in range(0, len(latents), _BATCH)]
        return np.concatenate([self._pixels(batch.detach().float()) for batch in batches])

    def _pixels(self, latents: Tensor) -> NDArray[np.uint8]:
        scaled = (latents / self._scale + self._shift).to(self._device, self._precision)
        frames = self._network.decode(scaled).sample.float().permute(0, 2, 3, 1)
        pixels: NDArray[np.uint8] = frames.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        return pixels


def open_image_vae(
    kind: Kind,
    path: str,
    precision: torch.dtype = torch.float32,
    tiling: bool = False,
    device: torch.device | str = "cpu",
) -> ImageVae:
    """The VAE of a folder in diffusers' format, or of a pipeline's folder that holds it in `vae`."""
    return ImageVae(kind, vae_folder(path, _CLASSES[kind], "linear-frames"), precision, tiling, device)


def _load(name: str, folder: Path, precision: torch.dtype) -> Any:
    import diffusers

    _check(name, folder)
    try:
        return getattr(diffusers, name).from_pretrained(
            str(folder), torch_dtype=precision, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise StageError(f"{folder} is no {name}: {str(error).splitlines()[0]}") from error


def _check(name: str, folder: Path) -> None:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise StageError(f"{folder / 'config.json'} cannot be read: {error}") from error
    # diffusers fills weights that another class's file lacks with random ones and only logs it.
    if config.get("_class_name") != name:
        raise ConfigError(f"{folder} holds {config.get('_class_name')}, not {name}; set encoders.codec to match it")
    for setting in ("latents_mean", "latents_std"):
        if config.get(setting) is not None:
            raise ConfigError(
                f"{folder}: {setting} = {config[setting]!r}; only VAEs with just a scale and a shift are supported"
            )
