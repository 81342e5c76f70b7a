"""diffusers' VAE behind the codec's protocol: the same numbers, scaled; what it would bend silently is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from schemas.errors import ConfigError, StageError
from tests.films import moving, texture
from tests.training.encoders.folders import save_vae
from training.encoders.cogvideox_vae import CogVideoXVae, open_vae


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_vae(tmp_path_factory.mktemp("vae"))


@pytest.fixture(scope="module")
def vae(folder: Path) -> CogVideoXVae:
    return open_vae(str(folder))


@pytest.mark.parametrize("frames", [1, 9, 17])
def test_moments_are_those_of_diffusers_scaled(folder: Path, vae: CogVideoXVae, frames: int) -> None:
    from diffusers import AutoencoderKLCogVideoX

    pixels = np.stack(list(moving(texture(1), frames, (48, 32))))
    mean, std = vae.encode(pixels)
    theirs = AutoencoderKLCogVideoX.from_pretrained(str(folder)).eval()
    inputs = torch.from_numpy(pixels).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    with torch.no_grad():
        posterior = theirs.encode(inputs).latent_dist
    assert mean.shape == std.shape == (1 + (frames - 1) // 4, 16, 4, 6)
    assert torch.allclose(mean, 0.7 * posterior.mean[0].transpose(0, 1), atol=1e-6)
    assert torch.allclose(std, 0.7 * posterior.std[0].transpose(0, 1), atol=1e-6)
    again = vae.decode(mean)
    assert again.shape == pixels.shape
    with torch.no_grad():
        decoded = theirs.decode(posterior.mean).sample[0].permute(1, 2, 3, 0)
    assert np.abs(again - ((decoded + 1) * 127.5).clamp(0, 255).numpy()).max() <= 0.51


@pytest.mark.parametrize(("frames", "width"), [(13, 48), (5, 48), (9, 40)])
def test_what_the_vae_would_bend_is_refused(vae: CogVideoXVae, frames: int, width: int) -> None:
    with pytest.raises(ConfigError, match="AutoencoderKLCogVideoX"):
        vae.encode(np.zeros((frames, 32, width, 3), np.uint8))


def test_identity_follows_weights_tiling_and_precision_and_no_name(folder: Path, tmp_path: Path) -> None:
    same = save_vae(tmp_path / "pipeline" / "vae")
    identities = {
        CogVideoXVae(folder).identity,
        CogVideoXVae(folder, tiling=True).identity,
        CogVideoXVae(folder, torch.bfloat16).identity,
        CogVideoXVae(save_vae(tmp_path / "other", seed=1)).identity,
    }
    assert len(identities) == 4
    assert open_vae(str(same.parent)).identity in identities


def test_bfloat16_gives_float32(folder: Path, vae: CogVideoXVae) -> None:
    pixels = np.stack(list(moving(texture(1), 9, (48, 32))))
    mean, _ = CogVideoXVae(folder, torch.bfloat16).encode(pixels)
    assert mean.dtype == torch.float32
    assert torch.allclose(mean, vae.encode(pixels)[0], atol=0.1)


def test_another_kind_of_vae_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shift_factor"):
        CogVideoXVae(save_vae(tmp_path / "shifted", shift_factor=0.1))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    with pytest.raises(StageError, match="broken is no AutoencoderKLCogVideoX"):
        open_vae(str(tmp_path / "broken"))
