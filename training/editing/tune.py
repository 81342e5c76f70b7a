"""Opens what it takes to learn one video, learns it on the shared loop, and edits it.

The loop, its checkpoints and its files are those of `just train`; what differs is where the steps come from
(`training.editing.one_clip`) and what is made at the end.

    just tune film.mp4 "a man skis" --model models/stable-diffusion-v1-4 --edit "a bear skis"
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from schemas.errors import ConfigError, TrainingError
from schemas.fingerprint import fingerprint
from training.checkpoints.folder import RunFolder
from training.config import TrainConfig
from training.editing.footage import Footage, Pixels
from training.editing.inversion import Conditioner, Prompt, follow, invert
from training.editing.one_clip import OneClip
from training.encoders.base import TextEncoder, VideoCodec
from training.families.base import Family, geometry_of
from training.families.registry import build_model, open_family
from training.loop.assemble import make_trainer
from training.loop.run import Run
from training.methods.diffusion import DiffusionMethod
from training.models.tune_a_video.model import TuneAVideo
from training.models.tune_a_video.weights import save_tuned, unet_folder
from training.parallel import World

TUNED_FILE = "tuned.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """A run on one clip with what stands around it."""

    config: TrainConfig
    folder: RunFolder
    run: Run
    model: TuneAVideo
    family: Family
    codec: VideoCodec
    text: TextEncoder
    footage: Footage
    caption: str
    latents: Tensor
    """The clip's, without the deviation of its posterior."""

    def save(self) -> Path:
        """Write what was learnt, on its own."""
        file = self.folder.path / TUNED_FILE
        facts = {"model": self.config.model.weights, "caption": self.caption, "clip": self.footage.identity}
        save_tuned(self.model, file, {**facts, "step": str(self.run.state.step)})
        return file

    def shown(self) -> Pixels:
        """The clip as the codec shows it, which no edit can be sharper than."""
        return self.codec.decode(self.latents)

    def edit(self, prompts: Sequence[str], control: Conditioner | None = None) -> Iterator[Pixels]:
        """For each prompt what it makes of the clip, RGB uint8 [frames, height, width, 3]."""
        how, weight = self.config.sampling, next(self.model.parameters())
        *texts, empty = self.text.encode([*prompts, ""]).to(weight.device)
        self.model.eval()
        latents = self.latents.to(weight.device)
        with self._cast():
            noise = invert(self.model, self.family.schedule, latents, empty, how.steps)
        for text in texts:
            prompt = Prompt(text, empty, how.guidance)
            with self._cast():
                made = follow(self.model, self.family.schedule, noise, prompt, how.steps, control)
            yield self.codec.decode(made)

    def _cast(self) -> torch.autocast:
        """The matrix products in the precision of training."""
        device = next(self.model.parameters()).device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.config.model.precision == "bfloat16")


def prepare_tuning(config: TrainConfig, footage: Footage, caption: str, folder: Path, world: World) -> Tuning:
    """Open a run. Raises `ConfigError` with what is wrong, before anything is written."""
    from training.encoders.registry import open_codec, open_text

    if world.size > 1:
        raise ConfigError(
            f"{world.size} processes: one clip a step leaves nothing to share; run `just tune` in one process, and "
            "several videos in several runs"
        )
    opened = open_family(config)
    family, model = opened.family, build_model(opened, config)
    if not isinstance(model, TuneAVideo):
        raise ConfigError(f"model.family = {config.model.family}; `just tune` takes tune_a_video")
    codec = open_codec(config.encoders, world.device)
    text = open_text(config.encoders, family.sizes.text_length, world.device)
    _check(family, footage, codec, text)
    data = OneClip.encode(config, footage, caption, (codec, text), geometry_of(family.sizes, codec, text))
    run_folder = RunFolder(folder)
    run_folder.begin(config, _facts(footage, caption, codec, text, config))
    method = DiffusionMethod(model, family, codec, text, config.model.precision)
    trainer = make_trainer(method, config, folder, world)
    return Tuning(
        config=config,
        folder=run_folder,
        run=Run(config, run_folder, trainer, data, world, lambda stage: _memory()),
        model=model,
        family=family,
        codec=codec,
        text=text,
        footage=footage,
        caption=caption,
        latents=data.sample.mean,
    )


def _check(family: Family, footage: Footage, codec: VideoCodec, text: TextEncoder) -> None:
    sizes, shape = family.sizes, footage.shape
    if codec.temporal_stride != 1:
        raise ConfigError(
            f"{codec.name} packs {codec.temporal_stride} frames into one; an image model needs a codec of single "
            "frames: set encoders.codec to image-vae, tiny-vae or linear-frames"
        )
    if codec.channels != sizes.in_channels:
        raise ConfigError(
            f"{codec.name} gives {codec.channels} channels, the UNet takes {sizes.in_channels}; set encoders.codec and "
            "encoders.codec_weights to the VAE that the UNet was made for"
        )
    if text.width != sizes.text_width:
        raise ConfigError(
            f"{text.name} gives states {text.width} wide, the UNet takes {sizes.text_width}; set encoders.text and "
            "encoders.text_weights to the encoder that the UNet was made for"
        )
    side = codec.spatial_stride * sizes.patch
    if shape.width % side or shape.height % side:
        raise ConfigError(f"{shape}: sides must divide by {side}; set --size to multiples of it")


def _facts(
    footage: Footage, caption: str, codec: VideoCodec, text: TextEncoder, config: TrainConfig
) -> Mapping[str, object]:
    """What a run must have in common with the one that it goes on from."""
    weights = config.model.weights
    return {
        "dataset": footage.name,
        "clip": footage.identity,
        "shape": str(footage.shape),
        "caption": caption,
        "image_model": fingerprint(unet_folder(weights)) if weights else config.model.preset,
        "codec": codec.name,
        "codec_identity": codec.identity,
        "text": text.name,
        "text_identity": text.identity,
    }


@contextmanager
def _memory() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            "memory ran out: set model.checkpoint_blocks=true or model.precision=bfloat16, or take fewer --frames or a "
            "smaller --size"
        ) from error
