"""Prepares tuning on one video, trains on the shared loop, and edits the video.

The loop, its checkpoints and its files are those of `just train`; the differences are the training data
(`training.editing.one_clip`) and the edits at the end.

    tuning = prepare_tuning(config, clip, caption, folder, world)
    tuning.run.train(show, after_stage)
    edits = list(tuning.edit(["a bear skis"]))
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
from training.editing.inversion import Conditioner, Prompt, invert, sample_from
from training.editing.one_clip import OneClip
from training.editing.source_clip import Pixels, SourceClip
from training.encoders.base import TextEncoder, VideoCodec
from training.families.base import Family, geometry_of
from training.families.registry import build_model, open_family
from training.loop.assemble import make_trainer
from training.loop.run import Run
from training.methods.diffusion import DiffusionMethod
from training.models.tune_a_video.model import TuneAVideo
from training.models.tune_a_video.tuned_file import TUNED_FILE, read_facts
from training.models.tune_a_video.weights import load_tuned, save_tuned, unet_folder
from training.parallel import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """A tuning run with its model, encoders and clip."""

    config: TrainConfig
    folder: RunFolder
    run: Run
    model: TuneAVideo
    family: Family
    codec: VideoCodec
    text: TextEncoder
    clip: SourceClip
    caption: str
    latents: Tensor
    """The mean of the clip's posterior [T, C, H, W]."""
    loaded: str = ""
    """Description of the tuned weights that were loaded; empty for a run that trains its own."""

    def save(self) -> Path:
        """Write the tuned weights, and return the file."""
        file = self.folder.path / TUNED_FILE
        facts = {"model": self.config.model.weights, "caption": self.caption, "clip": self.clip.identity}
        save_tuned(self.model, file, {**facts, "step": str(self.run.state.step)})
        return file

    def decoded_source(self) -> Pixels:
        """The clip after encoding and decoding, uint8 [F, H, W, 3]: the upper bound of an edit's sharpness."""
        return self.codec.decode(self.latents)

    def edit(self, prompts: Sequence[str], control: Conditioner | None = None) -> Iterator[Pixels]:
        """The clip edited by each prompt, RGB uint8 [F, H, W, 3]."""
        settings, weight = self.config.sampling, next(self.model.parameters())
        *texts, empty = self.text.encode([*prompts, ""]).to(weight.device)
        self.model.eval()
        latents = self.latents.to(weight.device)
        with self._cast():
            noise = invert(self.model, self.family.schedule, latents, empty, settings.steps)
        for text in texts:
            prompt = Prompt(text, empty, settings.guidance)
            with self._cast():
                edited = sample_from(self.model, self.family.schedule, noise, prompt, settings.steps, control)
            yield self.codec.decode(edited)

    def _cast(self) -> torch.autocast:
        """Autocast to the precision of training."""
        device = next(self.model.parameters()).device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.config.model.precision == "bfloat16")


def prepare_tuning(
    config: TrainConfig, clip: SourceClip, caption: str, folder: Path, world: World, tuned: Path | None = None
) -> Tuning:
    """Open a run, with the weights of the file `tuned` if one is given, for edits without training.

    Raises `ConfigError` for any problem, before anything is written.
    """
    from training.encoders.registry import open_codec, open_text

    if world.size > 1:
        raise ConfigError(
            f"{world.size} processes: a step of one clip cannot be split; run `just tune` in one process, and several "
            "videos in several runs"
        )
    opened = open_family(config)
    family, model = opened.family, build_model(opened, config)
    if not isinstance(model, TuneAVideo):
        raise ConfigError(f"model.family = {config.model.family}; `just tune` takes tune_a_video")
    loaded = ""
    if tuned:
        load_tuned(model, tuned)
        loaded = f"{tuned}, step {read_facts(tuned).get('step', 'unknown')}"
    codec = open_codec(config.encoders, world.device)
    text = open_text(config.encoders, family.sizes.text_length, world.device)
    _check(family, clip, codec, text)
    data = OneClip.encode(config, clip, caption, (codec, text), geometry_of(family.sizes, codec, text))
    run_folder = RunFolder(folder)
    run_folder.begin(config, _facts(clip, caption, codec, text, config))
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
        clip=clip,
        caption=caption,
        latents=data.sample.mean,
        loaded=loaded,
    )


def _check(family: Family, clip: SourceClip, codec: VideoCodec, text: TextEncoder) -> None:
    sizes, shape = family.sizes, clip.shape
    if codec.temporal_stride != 1:
        raise ConfigError(
            f"{codec.name} encodes {codec.temporal_stride} frames into one; an image model needs a per-frame codec: "
            "set encoders.codec to image-vae, tiny-vae or linear-frames"
        )
    if codec.channels != sizes.in_channels:
        raise ConfigError(
            f"{codec.name} gives {codec.channels} channels, the UNet takes {sizes.in_channels}; set encoders.codec and "
            "encoders.codec_weights to the UNet's VAE"
        )
    if text.hidden_size != sizes.text_dim:
        raise ConfigError(
            f"{text.name} gives embeddings of {text.hidden_size} dimensions, the UNet takes {sizes.text_dim}; set "
            "encoders.text and encoders.text_weights to the UNet's text encoder"
        )
    side = codec.spatial_stride * sizes.patch
    if shape.width % side or shape.height % side:
        raise ConfigError(f"{shape}: sides must be multiples of {side}; set --size accordingly")


def _facts(
    clip: SourceClip, caption: str, codec: VideoCodec, text: TextEncoder, config: TrainConfig
) -> Mapping[str, object]:
    """What must be the same when a run is resumed."""
    weights = config.model.weights
    return {
        "dataset": clip.name,
        "clip": clip.identity,
        "shape": str(clip.shape),
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
