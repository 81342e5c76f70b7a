"""The linear codec: shapes, causality, its own PSNR, and a fit that finds what is there."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from schemas.errors import ConfigError, StageError
from tests.films import make_film, moving, texture
from training.encoders.fit_linear import Moments, fit_file
from training.encoders.linear import from_blocks, open_linear, to_blocks


def clip(frames: int, width: int = 64, height: int = 48, seed: int = 1) -> NDArray[np.uint8]:
    return np.stack(list(moving(texture(seed, 300, 200), frames, (width, height), (2, 1))))


@pytest.mark.parametrize("frames", [1, 9, 17, 49])
def test_shapes_follow_the_frame_rule(frames: int) -> None:
    codec, pixels = open_linear(), clip(frames)
    mean, std = codec.encode(pixels)
    assert mean.shape == (1 + (frames - 1) // 4, 16, 6, 8)
    assert not std.any()
    assert codec.decode(mean).shape == pixels.shape


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((13, 48, 64, 3), "1 or 8k\\+1 frames, not 13"),
        ((0, 48, 64, 3), "not 0; cut the clip to 1"),
        ((9, 40, 64, 3), "not 64x40; crop to 64x32"),
        ((9, 48, 64, 16), "not uint8"),
    ],
)
def test_what_no_vae_takes_is_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_linear().encode(np.zeros(shape, np.uint8))


def test_a_latent_frame_knows_nothing_of_later_frames() -> None:
    pixels = clip(17)
    changed = pixels.copy()
    changed[5:] = 255 - changed[5:]
    codec = open_linear()
    before, after = codec.encode(pixels)[0], codec.encode(changed)[0]
    assert torch.equal(before[:2], after[:2])
    assert not torch.equal(before[2], after[2])
    assert torch.equal(codec.encode(pixels[:1])[0], before[:1])


def test_blocks_come_back_as_they_were() -> None:
    pixels = clip(8)
    floats = torch.from_numpy(to_blocks(pixels, 4)).float() / 127.5 - 1
    assert np.array_equal(from_blocks(floats, 4), pixels)


def test_plain_and_smooth_pictures_survive_and_latents_are_about_of_variance_1() -> None:
    codec = open_linear()
    for level in (0, 90, 255):
        grey = np.full((9, 32, 32, 3), level, np.uint8)
        assert abs(codec.decode(codec.encode(grey)[0]).astype(int) - level).max() <= 3
    pixels = np.concatenate([clip(9, seed=seed) for seed in range(3)], axis=1)
    latents = codec.encode(pixels)[0]
    error = np.mean((codec.decode(latents).astype(float) - pixels) ** 2)
    assert error < 0.1 * pixels.astype(float).var()
    assert 0.2 < latents.std() < 4


def test_what_it_keeps_it_keeps_exactly() -> None:
    codec = open_linear()
    numbers = 0.2 * torch.randn(3, 16, 4, 6, generator=torch.Generator().manual_seed(1))
    again = codec.encode(codec.decode(numbers))[0]
    assert (again - numbers).abs().mean() < 0.05  # pixels are rounded to 8 bits


def test_name_and_identity_are_stable_and_tell_the_quality() -> None:
    codec = open_linear()
    assert codec.name.startswith("linear 8x8x4 (PSNR 2")
    assert codec.identity == open_linear().identity


def test_fitting_writes_a_file_that_opens_and_says_where_it_comes_from(tmp_path: Path) -> None:
    for number in range(5):
        canvas = texture(number, 400, 200)
        make_film(tmp_path / f"{number}.mp4", moving(canvas, 40, (128, 96), (3, 1)), fps=8)
    files = sorted(tmp_path.glob("*.mp4"))
    made = fit_file(files, tmp_path / "weights.safetensors")
    opened = open_linear(tmp_path / "weights.safetensors")
    assert opened.identity == made.identity
    assert opened.identity != open_linear().identity
    assert opened.name == made.name
    latents = opened.encode(clip(17, 128, 96))[0]
    assert 0.1 < latents.std() < 3


def test_the_directions_found_are_those_of_most_variance() -> None:
    random = torch.Generator().manual_seed(3)
    spread = torch.linspace(30, 1, 30)
    rotation = torch.linalg.qr(torch.randn(30, 30, generator=random))[0]
    moments = Moments(30)
    for _ in range(4):
        moments.add(torch.randn(5000, 30, generator=random) * spread @ rotation + 5)
    basis = moments.basis()
    assert torch.allclose(basis.scale, spread[:16], rtol=0.05)
    assert torch.allclose(basis.rows @ basis.rows.T, torch.eye(16), atol=1e-5)
    assert (basis.rows[0] @ rotation[0]).abs() > 0.9


def test_a_file_that_is_no_codec_says_what_makes_one(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"no")
    with pytest.raises(StageError, match="fit_linear"):
        open_linear(tmp_path / "x.safetensors")
