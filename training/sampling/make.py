"""From prompts to files: samples latents, decodes them, and writes a folder with the settings.

<out>/000.mp4 (an image: 000.png), ...     one per prompt
<out>/sheet.png                            all of them on one sheet
<out>/samples.json                         prompts, seed, sampler, guidance, checkpoint, codec

request = SamplingRequest(prompts=["waves"], shape=shape, settings=SamplingConfig(), seed=0)
write_samples("samples/a", loaded, request, make_clips(loaded, request))
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

_CRF, _PRESET = 14, "medium"  # nearly lossless, so that the model is judged and not the encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model with its encoders. `checkpoint` describes the weights to the user.

    `recipe` and `steps` are those of its training here, "" and 0 if there was none. Raises `ConfigError` for encoders
    that do not fit the model.
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
                f"{self.codec.name} has {self.codec.channels} channels, the model takes {sizes.in_channels}: is it the "
                "codec that the model was trained with?"
            )
        if sizes.reads_captions and self.text.hidden_size != sizes.text_dim:
            raise ConfigError(
                f"embeddings of {self.text.name} have {self.text.hidden_size} dimensions, the model takes "
                f"{sizes.text_dim}: is it the text encoder that the model was trained with?"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRequest:
    """A clip of one shape for each prompt. Raises `ConfigError` without a prompt."""

    prompts: Sequence[str]
    shape: ClipShape
    settings: SamplingConfig
    seed: int

    def __post_init__(self) -> None:
        if not self.prompts:
            raise ConfigError('no prompts; give --prompt "..." or set sampling.prompts')

    def describe(self) -> str:
        """The request without its prompts, in one line."""
        settings = self.settings
        guidance = f"{settings.guidance:g}{' growing' if settings.dynamic_guidance else ''}"
        return f"{self.shape} | {settings.sampler}, {settings.steps} steps, guidance {guidance} | seed {self.seed}"


def make_clips(loaded: LoadedModel, request: SamplingRequest, notify: Notify = silent) -> list[Pixels]:
    """RGB clips uint8 [F, H, W, 3], one per prompt; equal requests and weights give equal clips.

    `notify` is called after every sampling step with the number of finished steps and of all steps.
    """
    codec, model = loaded.codec, loaded.model.eval()
    shape = latent_shape(loaded.family.sizes, request.shape, codec.spatial_stride, codec.temporal_stride)
    weight = next(model.parameters())
    text = loaded.text.encode([*request.prompts, ""]).to(weight.device, weight.dtype)
    schedule, settings = loaded.family.schedule, request.settings
    latents = sample_latents(model, schedule, text[:-1], text[-1], shape, settings, request.seed, notify)
    return [codec.decode(clip_latents) for clip_latents in latents]


def write_samples(out: str | Path, loaded: LoadedModel, request: SamplingRequest, clips: Sequence[Pixels]) -> None:
    """Write videos, sheet and metadata. Raises `DatasetError` if the folder cannot be written."""
    store = Store(out)
    described = []
    for number, (prompt, clip) in enumerate(zip(request.prompts, clips, strict=True)):
        name = f"{number:03d}.{'png' if len(clip) == 1 else 'mp4'}"
        store.write(name, encode_png(clip[0]) if len(clip) == 1 else _encode(clip, request.shape.fps))
        described.append({"number": number, "prompt": prompt, "file": name})
    title = f"{loaded.checkpoint} | {request.describe()} | codec: {loaded.codec.name}"
    about = (loaded.known.what, what_to_expect(loaded.known))
    rows = list(zip(request.prompts, clips, strict=True))
    store.write("sheet.png", encode_png(contact_sheet(title, rows, about)))
    settings = request.settings
    facts = {
        "checkpoint": loaded.checkpoint,
        "model": about[0],
        "expect": about[1],
        "codec": loaded.codec.name,
        "codec_identity": loaded.codec.identity,
        "text": loaded.text.name,
        "text_identity": loaded.text.identity,
        "shape": str(request.shape),
        "grid": "slice",
        "noise_levels": loaded.family.schedule.name,
        "seed": request.seed,
        "sampler": settings.sampler,
        "steps": settings.steps,
        "guidance": settings.guidance,
        "dynamic_guidance": settings.dynamic_guidance,
        "largest": settings.largest,
        "samples": described,
    }
    store.write("samples.json", (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())


def _encode(clip: Pixels, fps: float) -> bytes:
    reformatter = VideoReformatter()
    return encode_h264((to_bt709(frame, reformatter) for frame in clip), fps, _CRF, _PRESET)
