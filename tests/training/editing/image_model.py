"""A tiny image model in the folder of a pipeline, for the packaged encoders, and a film to learn."""

from pathlib import Path

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

from tests.films import make_film, moving, texture
from tests.training.encoders.folders import save_clip, save_image_vae


def save_image_model(folder: Path, seed: int = 0) -> Path:
    """A UNet of 16 channels that reads MiniLM, in `folder`/unet."""
    torch.manual_seed(seed)
    UNet2DConditionModel(
        sample_size=4, in_channels=16, out_channels=16, cross_attention_dim=384, block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=2, norm_num_groups=4, layers_per_block=1,
    ).save_pretrained(str(folder / "unet"))  # fmt: skip
    return folder


def save_pipeline(folder: Path) -> Path:
    """A Stable Diffusion in miniature: UNet, VAE, CLIP's text encoder and tokenizer, scheduler."""
    torch.manual_seed(0)
    UNet2DConditionModel(
        in_channels=4, out_channels=4, cross_attention_dim=16, block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=2, norm_num_groups=4, layers_per_block=1,
    ).save_pretrained(str(folder / "unet"))  # fmt: skip
    save_image_vae(folder / "vae")
    save_clip(folder, positions=77)
    DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear").save_pretrained(
        str(folder / "scheduler")
    )
    return folder


def save_film(folder: Path, frames: int = 12) -> Path:
    """Half a second of a texture that moves."""
    path = folder / "film.mp4"
    make_film(path, moving(texture(2), frames, (96, 64), (3, 0)), fps=24)
    return path
