"""Latents from text: one pack per move, with the guided and the unguided segment of several prompts in it.

The grid is the one of training, because the model slices its positions. With q = 2 the first latent frame was repeated
in front in training; here the frames that took its place are sampled along and dropped.

    latents = sample_latents(model, schedule, text, empty, LatentShape(13, 16, 32, 48), SamplingConfig(), seed=0)

    python -m pytest tests/training/sampling/test_sample.py
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from schemas.errors import ConfigError
from training.config import SamplingConfig
from training.data.shapes import ClipShape, Geometry
from training.diffusion.schedule import Schedule
from training.families.base import Sizes
from training.models.segment import Predictor, Segment
from training.sampling.guidance import guidance_scale, guide
from training.sampling.samplers import SAMPLERS, Move, advance, moves

POSITIONS_AT_ONCE = 200_000
"""Latent pixels of a pack, both segments of each prompt counted: one prompt of 49 frames at 480x720."""
_DOMAIN = 0x5A4D  # keeps this noise apart from other uses of the seed


@dataclass(frozen=True, slots=True)
class LatentShape:
    """What is sampled: latent `frames` of the clip, channels, height, width, and `repeated` frames in front of them.

    `fps` is what a model is told that asks for it.
    """

    frames: int
    channels: int
    height: int
    width: int
    repeated: int = 0
    fps: float = 0.0


Notify = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Tells nobody."""


def latent_shape(sizes: Sizes, clip: ClipShape, spatial: int = 8, temporal: int = 4) -> LatentShape:
    """The latents of a clip for a model, behind a codec of these strides. Raises `ConfigError` for image-to-video."""
    if sizes.out_channels != sizes.in_channels * (2 if sizes.learns_variance else 1):
        raise ConfigError(
            f"the model reads {sizes.in_channels} channels and predicts {sizes.out_channels}: it continues a given "
            "picture; only text to video is sampled here"
        )
    geometry = Geometry(spatial_stride=spatial, temporal_stride=temporal, patch_frames=sizes.patch_frames)
    everything, height, width = geometry.latent(clip)
    frames = 1 + (clip.frames - 1) // temporal
    return LatentShape(frames, sizes.in_channels, height, width, everything - frames, clip.fps)


@torch.no_grad()
def sample_latents(
    model: Predictor,
    schedule: Schedule,
    text: Tensor,
    unconditional: Tensor,
    shape: LatentShape,
    settings: SamplingConfig,
    seed: int,
    notify: Notify = silent,
) -> Tensor:
    """Latents [prompts, frames, channels, height, width], float32 or better, of text states [prompts, length, width].

    `unconditional` [length, width] is the state of the empty caption. The model is called in the dtype of `text`. Noise
    depends on the seed and the place of a prompt, not on how many prompts share a pack. `notify` is told of every step
    the number done and the number of all.
    """
    exact = torch.promote_types(text.dtype, torch.float32)
    sampler = SAMPLERS[settings.sampler]
    found, packs, done = [], _packs(len(text), shape), 0
    for numbers in packs:
        states = text[numbers.start : numbers.stop]
        mixed, before = _noise(shape, seed, numbers, 0).to(text.device, exact), None
        for place, move in enumerate(moves(settings.steps)):
            scale = guidance_scale(place, settings.steps, settings.guidance, settings.dynamic_guidance)
            predicted = _predict(model, mixed, states, unconditional, move, scale, shape.fps)
            clean = schedule.clean(mixed, predicted, move.timestep)
            if settings.largest:
                clean = clean.clamp(-settings.largest, settings.largest)
            weights = sampler(schedule, move)
            noise = _noise(shape, seed, numbers, place + 1).to(mixed) if weights.noise else None
            mixed, before = advance(weights, mixed, clean, before, noise), clean
            done += 1
            notify(done, len(packs) * settings.steps)
        found.append(mixed[:, shape.repeated :])
    return torch.cat(found)


def _packs(prompts: int, shape: LatentShape) -> list[range]:
    positions = 2 * (shape.repeated + shape.frames) * shape.height * shape.width
    size = max(1, POSITIONS_AT_ONCE // positions)
    return [range(start, min(start + size, prompts)) for start in range(0, prompts, size)]


def _predict(
    model: Predictor, mixed: Tensor, text: Tensor, unconditional: Tensor, move: Move, scale: float, fps: float
) -> Tensor:
    """The guided prediction for all prompts; what a model says of its variance is not needed by these samplers."""
    latents, channels = mixed.to(text.dtype), mixed.shape[2]
    segments = [Segment(one, states, move.timestep, fps) for one, states in zip(latents, text, strict=True)]
    if scale == 1:
        return torch.stack(model(segments))[:, :, :channels].to(mixed.dtype)
    both = model([*segments, *(Segment(one, unconditional, move.timestep, fps) for one in latents)])
    conditional, other = torch.stack(both)[:, :, :channels].to(mixed.dtype).chunk(2)
    return guide(conditional, other, scale)


def _noise(shape: LatentShape, seed: int, numbers: range, move: int) -> Tensor:
    """Noise of prompts [prompts, frames, channels, height, width]: move 0 is where they begin, others stir them."""
    size = (shape.repeated + shape.frames, shape.channels, shape.height, shape.width)
    found = []
    for number in numbers:
        # The counter's first word counts what is drawn; the words above it tell prompts and moves apart.
        random = np.random.Generator(np.random.Philox(key=[seed, _DOMAIN], counter=[0, number, move, 0]))
        found.append(torch.from_numpy(random.standard_normal(size)))
    return torch.stack(found)
