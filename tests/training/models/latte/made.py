"""Small Lattes with random weights, and segments for them."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from training.models.latte.config import LatteConfig
from training.models.latte.model import Latte
from training.models.segment import Segment

SMALL = LatteConfig(
    heads=2,
    head_dim=12,
    layers=4,
    conditioning="text",
    text_dim=10,
    text_length=5,
    sample_size=8,
    frames=8,
    padding="left_out",
)
VARIANTS = {variant: replace(SMALL, variant=variant) for variant in (1, 2, 3, 4)}
FORMS = {
    **{f"variant {variant}": config for variant, config in VARIANTS.items()},
    "rotary": replace(SMALL, temporal_positions="rotary"),
    "rotary split": replace(SMALL, temporal_positions="rotary", variant=4),
    "tokens": replace(SMALL, condition_form="tokens"),
    "tokens joint": replace(SMALL, condition_form="tokens", variant=3),
    "tubelets": replace(SMALL, patch_frames=2, out_channels=4),
    "class": replace(SMALL, conditioning="class", classes=3, text_dim=1, text_length=1),
    "class split": replace(SMALL, conditioning="class", classes=3, text_dim=1, text_length=1, variant=4),
    "none": replace(SMALL, conditioning="none", text_dim=1, text_length=1),
    "table": replace(SMALL, position_table=3),
    "adapters": replace(SMALL, text_dim=6, caption_dim=10, tells_rate=True),
    "residual adapter": replace(SMALL, caption_dim=10, tells_rate=True, variant=3),
}


def latte(config: LatteConfig, seed: int = 0) -> Latte:
    """A model in which no weight is zero."""
    torch.manual_seed(seed)
    model = Latte(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.2, generator=generator)
    return model


def segment(
    config: LatteConfig,
    shape: tuple[int, int, int],
    timestep: int,
    dtype: torch.dtype = torch.float64,
    text_length: int | None = None,
) -> Segment:
    """A random one of [frames, height, width] in latent pixels."""
    generator = torch.Generator().manual_seed(timestep)
    frames, height, width = shape
    latents = torch.randn(frames, config.in_channels, height, width, generator=generator, dtype=dtype)
    text = torch.randn(text_length or config.text_length, config.text_dim, generator=generator, dtype=dtype)
    if config.conditioning == "class":
        text = torch.full((1, 1), timestep % (config.classes + 1), dtype=dtype)
    return Segment(latents, text, timestep, fps=8.0 if frames > config.patch_frames else 0.0)


def mixed(config: LatteConfig) -> Sequence[Segment]:
    """Clips and images of equal and different sizes, frame counts and captions, unsorted."""
    tubelet = config.patch_frames
    shapes = [
        ((4 * tubelet, 4, 6), 5), ((tubelet, 4, 6), 5), ((2 * tubelet, 8, 4), 5), ((tubelet, 2, 2), 3),
        ((4 * tubelet, 4, 6), 5), ((tubelet, 8, 4), 5), ((4 * tubelet, 6, 4), 2), ((tubelet, 4, 6), 5),
    ]  # fmt: skip
    return [segment(config, shape, 100 + index, text_length=text) for index, (shape, text) in enumerate(shapes)]
