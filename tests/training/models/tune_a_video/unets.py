"""A small inflated UNet, the image model that it came from, and clips to see."""

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from training.models.segment import Segment
from training.models.tune_a_video.config import TuneAVideoConfig
from training.models.tune_a_video.inflate import GroupNorm
from training.models.tune_a_video.model import TuneAVideo

UNET: dict[str, Any] = {
    "in_channels": 4,
    "out_channels": 4,
    "cross_attention_dim": 12,
    "block_out_channels": (8, 16),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "attention_head_dim": 2,
    "norm_num_groups": 4,
    "layers_per_block": 1,
}


def make_model(norm: GroupNorm = "frame", dtype: torch.dtype = torch.float32) -> tuple[TuneAVideo, Any]:
    """The inflated model and the image model with the same weights."""
    torch.manual_seed(0)
    image: Any = UNet2DConditionModel.from_config(UNET)
    model = TuneAVideo(TuneAVideoConfig(UNET, text_length=5, norm=norm))
    missing, unexpected = model.unet.load_state_dict(image.state_dict(), strict=False)
    assert not unexpected
    assert all("_temp." in name for name in missing)
    return model.to(dtype).eval(), image.to(dtype).eval()


def segment(frames: int, seed: int = 0, size: tuple[int, int] = (8, 12), dtype: torch.dtype = torch.float32) -> Segment:
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(frames, 4, *size, generator=generator)
    return Segment(latents.to(dtype), torch.randn(5, 12, generator=generator).to(dtype), 300 + 7 * seed)


def see_images(image: Any, clip: Segment, **more: Any) -> Tensor:
    """The image model's prediction for each frame."""
    text = clip.text.expand(len(clip.latents), -1, -1)
    prediction: Tensor = image(clip.latents, clip.timestep, text, return_dict=False, **more)[0]
    return prediction


def wake(model: TuneAVideo, seed: int = 3) -> None:
    """Give the temporal attention a non-zero output."""
    torch.manual_seed(seed)
    for name, weight in model.named_parameters():
        if "attn_temp.to_out" in name:
            torch.nn.init.normal_(weight, std=0.2)
