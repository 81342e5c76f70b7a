"""From prompts to files: latents, pixels, and a folder that says how each video was made.

<out>/000.mp4 (a picture: 000.png), ...    one per prompt
<out>/sheet.png                            all of them on one sheet
<out>/samples.json                         prompts, seed, sampler, guidance, checkpoint, codec

python -m pytest tests/training/sampling/test_make.py
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from av.video.reformatter import VideoReformatter
from torch import nn

from pipeline.media.encode import encode_h264, encode_png, to_bt709
from pipeline.storage.store import Store
from schemas.errors import ConfigError
from training.config import SamplingConfig
from training.data.shapes import ClipShape
from training.encoders.base import TextEncoder, VideoCodec
from training.families.base import Family
from training.sampling.expect import Known, what_to_expect
from training.sampling.sample import Notify, latent_shape, sample_latents, silent
from training.sampling.sheet import Pixels, contact_sheet

_CRF, _PRESET = 14, "medium"  # near lossless: what is judged is the model, not the encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A transformer with everything that sampling needs. `checkpoint` tells a person which weights these are.

    `recipe` and `steps` are those of its training here; "" and 0 where nothing tells of one.
    """

    model: nn.Module
    family: Family
    codec: VideoCodec
    text: TextEncoder
    checkpoint: str
    recipe: str = ""
    steps: int = 0

    @property
    def known(self) -> Known:
        """What a sheet says of it."""
        return Known(
            kind=type(self.family).__name__.removesuffix("Family"),
            parameters=self.family.sizes.parameters,
            codec=self.codec.name,
            text=self.text.name,
            recipe=self.recipe,
            steps=self.steps,
        )

    def __post_init__(self) -> None:
        sizes = self.family.sizes
        if self.codec.channels != sizes.in_channels:
            raise ConfigError(
                f"{self.codec.name} has {self.codec.channels} channels, the model {sizes.in_channels}: another codec?"
            )
        if sizes.reads_captions and self.text.width != sizes.text_width:
            raise ConfigError(
                f"states of {self.text.name} are {self.text.width} wide, the model takes {sizes.text_width}: another "
                "text encoder?"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for: a clip of one shape for each prompt."""

    prompts: Sequence[str]
    shape: ClipShape
    settings: SamplingConfig
    seed: int

    def __post_init__(self) -> None:
        if not self.prompts:
            raise ConfigError('no prompts; give --prompt "..." or set sampling.prompts')

    def describe(self) -> str:
        """The order without its prompts, in one line."""
        how = self.settings
        guidance = f"{how.guidance:g}{' growing' if how.dynamic_guidance else ''}"
        return f"{self.shape} | {how.sampler}, {how.steps} steps, guidance {guidance} | seed {self.seed}"


def make_clips(loaded: LoadedModel, order: Order, notify: Notify = silent) -> list[Pixels]:
    """RGB uint8 [frames, height, width, 3] for each prompt, equal for equal orders and weights.

    `notify` is told of every sampling step: how many are done, and how many there are.
    """
    codec, model = loaded.codec, loaded.model.eval()
    wanted = latent_shape(loaded.family.sizes, order.shape, codec.spatial_stride, codec.temporal_stride)
    weight = next(model.parameters())
    states = loaded.text.encode([*order.prompts, ""]).to(weight.device, weight.dtype)
    schedule, settings = loaded.family.schedule, order.settings
    latents = sample_latents(model, schedule, states[:-1], states[-1], wanted, settings, order.seed, notify)
    return [codec.decode(one) for one in latents]


def write_samples(out: str | Path, loaded: LoadedModel, order: Order, clips: Sequence[Pixels]) -> None:
    """Write videos, sheet and metadata. Raises `DatasetError` if the folder cannot be written."""
    store = Store(out)
    described = []
    for number, (prompt, clip) in enumerate(zip(order.prompts, clips, strict=True)):
        name = f"{number:03d}.{'png' if len(clip) == 1 else 'mp4'}"
        store.write(name, encode_png(clip[0]) if len(clip) == 1 else _film(clip, order.shape.fps))
        described.append({"number": number, "prompt": prompt, "file": name})
    title = f"{loaded.checkpoint} | {order.describe()} | codec: {loaded.codec.name}"
    about = (loaded.known.what, what_to_expect(loaded.known))
    rows = list(zip(order.prompts, clips, strict=True))
    store.write("sheet.png", encode_png(contact_sheet(title, rows, about)))
    settings = order.settings
    facts = {
        "checkpoint": loaded.checkpoint,
        "model": about[0],
        "expect": about[1],
        "codec": loaded.codec.name,
        "codec_identity": loaded.codec.identity,
        "text": loaded.text.name,
        "text_identity": loaded.text.identity,
        "shape": str(order.shape),
        "grid": "slice",
        "noise_levels": loaded.family.schedule.name,
        "seed": order.seed,
        "sampler": settings.sampler,
        "steps": settings.steps,
        "guidance": settings.guidance,
        "dynamic_guidance": settings.dynamic_guidance,
        "largest": settings.largest,
        "samples": described,
    }
    store.write("samples.json", (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())


def _film(clip: Pixels, fps: float) -> bytes:
    reformatter = VideoReformatter()
    return encode_h264((to_bt709(frame, reformatter) for frame in clip), fps, _CRF, _PRESET)
