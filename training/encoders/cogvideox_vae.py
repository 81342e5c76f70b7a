"""diffusers' `AutoencoderKLCogVideoX` as a codec: 8x8x4 to 16 channels, scaled as CogVideoX's transformer wants it.

Latents depend on how many frames are encoded at a time (the group norms see one chunk), on tiling and on precision, so
all of them are in the identity. Videos are multiplied by `scaling_factor`. `invert_scale_latents` (1.5) is no matter
here: in diffusers it concerns the conditioning picture of image-to-video alone; the decoder divides in every model.

    just train <dataset> --set encoders.codec=cogvideox --set encoders.codec_weights=models/CogVideoX-2b/vae
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.errors import ConfigError, StageError
from schemas.fingerprint import fingerprint
from training.encoders.pixels import check_pixels

_VERSION = 1  # of the arithmetic below
_CLASS = "AutoencoderKLCogVideoX"
_SPATIAL, _TEMPORAL = 8, 4


class CogVideoXVae:
    """A `VideoCodec`. `tiling` halves the memory of large pictures and changes the latents a little."""

    spatial_stride = _SPATIAL
    temporal_stride = _TEMPORAL

    def __init__(
        self,
        folder: Path,
        precision: torch.dtype = torch.float32,
        tiling: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        """Raises `ConfigError` for another kind of VAE, `StageError` for weights that do not load."""
        from diffusers import AutoencoderKLCogVideoX

        try:
            network: Any = AutoencoderKLCogVideoX.from_pretrained(
                str(folder), torch_dtype=precision, local_files_only=True, use_safetensors=True
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise StageError(f"{folder} is no {_CLASS}: {str(error).splitlines()[0]}") from error
        self._network: Any = network.eval().requires_grad_(False).to(device)
        self._check(folder)
        if tiling:
            self._network.enable_tiling()
        self._device, self._precision = torch.device(device), precision
        self._scale = float(self._network.config.scaling_factor)
        self.channels = int(self._network.config.latent_channels)
        self.name = f"{_CLASS} (scale {self._scale:g}{', tiled' if tiling else ''})"
        chunk = self._network.num_sample_frames_batch_size
        self.identity = (
            f"cogvideox@{fingerprint(folder)}, version {_VERSION}, {str(precision).removeprefix('torch.')}, "
            f"{chunk} frames at a time, {'tiled' if tiling else 'untiled'}"
        )

    def _check(self, folder: Path) -> None:
        config = self._network.config
        for name in ("shift_factor", "latents_mean", "latents_std"):
            if config.get(name) is not None:
                raise ConfigError(f"{folder}: {name} = {config[name]!r}; only VAEs with a scaling_factor alone fit")
        if len(config.block_out_channels) != 4 or config.temporal_compression_ratio != _TEMPORAL:
            raise ConfigError(f"{folder}: not a VAE of 8x8x4, which the trainer's shapes are made for")

    @torch.inference_mode()
    def encode(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """See `VideoCodec`. Raises `ConfigError` for what the VAE would cut off or add to without a word."""
        check_pixels(pixels, self.name)
        frames = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)
        channels_first = frames.permute(3, 0, 1, 2)[None].to(self._precision).div_(127.5).sub_(1)
        posterior = self._network.encode(channels_first).latent_dist
        mean, deviation = (
            (self._scale * one[0].float()).permute(1, 0, 2, 3).contiguous().cpu()
            for one in (posterior.mean, posterior.std)
        )
        return mean, deviation

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """See `VideoCodec`."""
        channels_first = (latents.float() / self._scale).permute(1, 0, 2, 3)[None].to(self._device, self._precision)
        frames = self._network.decode(channels_first).sample[0].float().permute(1, 2, 3, 0)
        pixels: NDArray[np.uint8] = frames.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        return pixels


def open_vae(
    place: str, precision: torch.dtype = torch.float32, tiling: bool = False, device: torch.device | str = "cpu"
) -> CogVideoXVae:
    """The VAE of a folder in diffusers' format, or of the pipeline's folder that holds it in `vae`."""
    return CogVideoXVae(vae_folder(place, _CLASS, "linear"), precision, tiling, device)


def vae_folder(place: str, kind: str, stand_in: str) -> Path:
    """The folder itself or its `vae`. Raises `ConfigError` if neither holds a config.json."""
    folder = Path(place).expanduser()
    inside = next((one for one in (folder, folder / "vae") if (one / "config.json").is_file()), None)
    if not place or inside is None:
        raise ConfigError(
            f"encoders.codec_weights = {place!r} holds no VAE (config.json); name the folder that holds an {kind} "
            f"in diffusers' format, or set encoders.codec={stand_in}"
        )
    return inside
