"""diffusers' `AutoencoderKLCogVideoX` as a codec: 8x8x4 pixels to 16 channels, scaled for CogVideoX's transformer.

Latents depend on how many frames are encoded at a time (group norms are computed per chunk), on tiling and on
precision, so all of these are in the identity. Latents are multiplied by `scaling_factor`. `invert_scale_latents` (1.5)
has no effect here: in diffusers it only concerns the conditioning image of image-to-video; decoding divides in every
model.

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

_VERSION = 1  # of the computation below
_CLASS = "AutoencoderKLCogVideoX"
_SPATIAL, _TEMPORAL = 8, 4


class CogVideoXVae:
    """A `VideoCodec`. `tiling` halves the memory for large frames and changes the latents slightly."""

    spatial_stride = _SPATIAL
    temporal_stride = _TEMPORAL

    def __init__(
        self,
        folder: Path,
        precision: torch.dtype = torch.float32,
        tiling: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        """Raises `ConfigError` for another VAE architecture, `StageError` for weights that do not load."""
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
                raise ConfigError(
                    f"{folder}: {name} = {config[name]!r}; only VAEs with just a scaling_factor are supported"
                )
        if len(config.block_out_channels) != 4 or config.temporal_compression_ratio != _TEMPORAL:
            raise ConfigError(f"{folder}: the VAE does not compress 8x8x4, which the trainer's shapes require")

    @torch.inference_mode()
    def encode(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """See `VideoCodec`. Raises `ConfigError` for shapes that the VAE would silently crop or pad."""
        check_pixels(pixels, self.name)
        frames = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)
        channels_first = frames.permute(3, 0, 1, 2)[None].to(self._precision).div_(127.5).sub_(1)
        posterior = self._network.encode(channels_first).latent_dist
        mean, std = (
            (self._scale * moment[0].float()).permute(1, 0, 2, 3).contiguous().cpu()
            for moment in (posterior.mean, posterior.std)
        )
        return mean, std

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """See `VideoCodec`."""
        channels_first = (latents.float() / self._scale).permute(1, 0, 2, 3)[None].to(self._device, self._precision)
        frames = self._network.decode(channels_first).sample[0].float().permute(1, 2, 3, 0)
        pixels: NDArray[np.uint8] = frames.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        return pixels


def open_vae(
    path: str, precision: torch.dtype = torch.float32, tiling: bool = False, device: torch.device | str = "cpu"
) -> CogVideoXVae:
    """The VAE of a folder in diffusers' format, or of a pipeline's folder that holds it in `vae`."""
    return CogVideoXVae(vae_folder(path, _CLASS, "linear"), precision, tiling, device)


def vae_folder(path: str, class_name: str, stand_in: str) -> Path:
    """The folder itself or its `vae`. Raises `ConfigError`, suggesting `stand_in`, if neither holds a config.json."""
    folder = Path(path).expanduser()
    inside = next((candidate for candidate in (folder, folder / "vae") if (candidate / "config.json").is_file()), None)
    if not path or inside is None:
        raise ConfigError(
            f"encoders.codec_weights = {path!r} holds no VAE (config.json); name the folder that holds an {class_name} "
            f"in diffusers' format, or set encoders.codec={stand_in}"
        )
    return inside
