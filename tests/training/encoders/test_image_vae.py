"""diffusers' image VAEs behind the codec's protocol: the same numbers, scaled, whatever else is in the clip."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.errors import ConfigError, StageError
from tests.films import moving, texture
from tests.training.encoders.folders import save_image_vae, save_tiny_vae, save_vae
from training.encoders.image_vae import ImageVae, Kind, open_image_vae


def clip(frames: int) -> NDArray[np.uint8]:
    return np.stack(list(moving(texture(1), frames, (48, 32))))


def as_given(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_image_vae(tmp_path_factory.mktemp("vae"), scaling_factor=0.5, shift_factor=0.25)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_vae(tmp_path_factory.mktemp("tiny"), scaling_factor=0.5)


@pytest.mark.parametrize("frames", [1, 4, 11])
def test_moments_are_those_of_diffusers_scaled_and_shifted(folder: Path, frames: int) -> None:
    from diffusers import AutoencoderKL

    codec, pixels = open_image_vae("image-vae", str(folder)), clip(frames)
    mean, std = codec.encode(pixels)
    theirs = AutoencoderKL.from_pretrained(str(folder)).eval()
    with torch.no_grad():
        posterior = theirs.encode(as_given(pixels)).latent_dist
        decoded = theirs.decode(posterior.mean).sample.permute(0, 2, 3, 1)
    assert mean.shape == std.shape == (frames, 4, 4, 6)
    assert (codec.channels, codec.spatial_stride, codec.temporal_stride) == (4, 8, 1)
    assert torch.allclose(mean, 0.5 * (posterior.mean - 0.25), atol=1e-5)
    assert torch.allclose(std, 0.5 * posterior.std, atol=1e-5)
    assert np.abs(codec.decode(mean) - ((decoded + 1) * 127.5).clamp(0, 255).numpy()).max() <= 0.52


def test_the_tiny_one_has_no_deviation_and_its_own_stride(tiny: Path) -> None:
    from diffusers import AutoencoderTiny

    codec, pixels = open_image_vae("tiny-vae", str(tiny)), clip(3)
    mean, std = codec.encode(pixels)
    theirs = AutoencoderTiny.from_pretrained(str(tiny)).eval()
    with torch.no_grad():
        wanted = theirs.encode(as_given(pixels)).latents
        decoded = theirs.decode(wanted).sample.permute(0, 2, 3, 1)
    assert codec.spatial_stride == 4
    assert mean.shape == (3, 4, 8, 12)
    assert not std.any()
    assert torch.allclose(mean, 0.5 * wanted, atol=1e-5)
    assert np.abs(codec.decode(mean) - ((decoded + 1) * 127.5).clamp(0, 255).numpy()).max() <= 0.52


def test_a_frame_is_the_same_in_any_company(folder: Path, tiny: Path) -> None:
    cases: list[tuple[Kind, Path]] = [("image-vae", folder), ("tiny-vae", tiny)]
    for kind, weights in cases:
        codec, pixels = ImageVae(kind, weights), clip(10)
        assert torch.allclose(codec.encode(pixels)[0][7:8], codec.encode(pixels[7:8])[0], atol=1e-5)


def test_identity_follows_weights_tiling_and_precision_and_no_name(folder: Path, tmp_path: Path) -> None:
    same = save_image_vae(tmp_path / "pipeline" / "vae", scaling_factor=0.5, shift_factor=0.25)
    identities = {
        ImageVae("image-vae", folder).identity,
        ImageVae("image-vae", folder, tiling=True).identity,
        ImageVae("image-vae", folder, torch.bfloat16).identity,
        ImageVae("image-vae", save_image_vae(tmp_path / "other", seed=1)).identity,
    }
    assert len(identities) == 4
    assert open_image_vae("image-vae", str(same.parent)).identity in identities


def test_another_kind_of_vae_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds AutoencoderKL, not AutoencoderTiny"):
        open_image_vae("tiny-vae", str(folder))
    with pytest.raises(ConfigError, match="holds AutoencoderKLCogVideoX, not AutoencoderKL"):
        open_image_vae("image-vae", str(save_vae(tmp_path / "video")))
    with pytest.raises(ConfigError, match="latents_mean"):
        open_image_vae("image-vae", str(save_image_vae(tmp_path / "mean", latents_mean=[0.0] * 4)))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text('{"_class_name": "AutoencoderKL"}')
    with pytest.raises(StageError, match="broken is no AutoencoderKL"):
        open_image_vae("image-vae", str(tmp_path / "broken"))
