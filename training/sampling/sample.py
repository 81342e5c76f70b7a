"""Samples latents from text: one pack per step, with the conditional and unconditional segments of several prompts.

The position grid is that of training, because the model slices its positions. With two latent frames per patch,
training repeats the first latent frame in front; here those leading frames are sampled too and then dropped.

    latents = sample_latents(model, schedule, text, empty, LatentShape(13, 16, 32, 48), SamplingConfig(), seed=0)
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
from training.sampling.samplers import SAMPLERS, SamplingStep, advance, sampling_steps

MAX_LATENT_PIXELS = 200_000
"""Latent pixels of a pack, counting both segments of each prompt: one prompt of 49 frames at 480x720."""
_DOMAIN = 0x5A4D  # separates this noise from other uses of the seed


@dataclass(frozen=True, slots=True)
class LatentShape:
    """The latents to sample: `frames` of the clip, channels, height, width, and `repeated` frames in front.

    `fps` is read by models that are conditioned on the frame rate.
    """

    frames: int
    channels: int
    height: int
    width: int
    repeated: int = 0
    fps: float = 0.0


Notify = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """The default: no notification."""


def latent_shape(sizes: Sizes, clip: ClipShape, spatial: int = 8, temporal: int = 4) -> LatentShape:
    """The latent shape of a clip for a model and a codec with these strides.

    Raises `ConfigError` for an image-to-video model.
    """
    if sizes.out_channels != sizes.in_channels * (2 if sizes.learns_variance else 1):
        raise ConfigError(
            f"the model takes {sizes.in_channels} channels and predicts {sizes.out_channels}: it is an image-to-video "
            "model; only text-to-video models can be sampled"
        )
    geometry = Geometry(spatial_stride=spatial, temporal_stride=temporal, patch_frames=sizes.patch_frames)
    total, height, width = geometry.latent(clip)
    frames = 1 + (clip.frames - 1) // temporal
    return LatentShape(frames, sizes.in_channels, height, width, total - frames, clip.fps)


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
    """Latents [B, T, C, H, W], float32 or float64, for the prompts' text embeddings `text` [B, L, text_dim].

    `unconditional` [L, text_dim] are the embeddings of the empty caption. The model runs in the dtype of `text`. Noise
    depends on the seed and the prompt's index, not on the number of prompts in a pack. `notify` is called after every
    step with the number of finished steps and of all steps.
    """
    dtype = torch.promote_types(text.dtype, torch.float32)
    sampler = SAMPLERS[settings.sampler]
    sampled, packs, done = [], _packs(len(text), shape), 0
    for numbers in packs:
        prompts = text[numbers.start : numbers.stop]
        noisy, previous = _noise(shape, seed, numbers, 0).to(text.device, dtype), None
        for index, step in enumerate(sampling_steps(settings.steps)):
            scale = guidance_scale(index, settings.steps, settings.guidance, settings.dynamic_guidance)
            predicted = _predict(model, noisy, prompts, unconditional, step, scale, shape.fps)
            clean = schedule.clean(noisy, predicted, step.timestep)
            if settings.largest:
                clean = clean.clamp(-settings.largest, settings.largest)
            weights = sampler(schedule, step)
            noise = _noise(shape, seed, numbers, index + 1).to(noisy) if weights.noise else None
            noisy, previous = advance(weights, noisy, clean, previous, noise), clean
            done += 1
            notify(done, len(packs) * settings.steps)
        sampled.append(noisy[:, shape.repeated :])
    return torch.cat(sampled)


def _packs(prompts: int, shape: LatentShape) -> list[range]:
    pixels = 2 * (shape.repeated + shape.frames) * shape.height * shape.width
    size = max(1, MAX_LATENT_PIXELS // pixels)
    return [range(start, min(start + size, prompts)) for start in range(0, prompts, size)]


def _predict(
    model: Predictor, noisy: Tensor, text: Tensor, unconditional: Tensor, step: SamplingStep, scale: float, fps: float
) -> Tensor:
    """The guided prediction [B, T, C, H, W] for all prompts; these samplers do not use a learned variance."""
    latents, channels = noisy.to(text.dtype), noisy.shape[2]
    segments = [Segment(latent, prompt, step.timestep, fps) for latent, prompt in zip(latents, text, strict=True)]
    if scale == 1:
        return torch.stack(model(segments))[:, :, :channels].to(noisy.dtype)
    predictions = model([*segments, *(Segment(latent, unconditional, step.timestep, fps) for latent in latents)])
    with_text, without_text = torch.stack(predictions)[:, :, :channels].to(noisy.dtype).chunk(2)
    return guide(with_text, without_text, scale)


def _noise(shape: LatentShape, seed: int, numbers: range, step: int) -> Tensor:
    """Noise of prompts [B, T, C, H, W], float64: step 0 is the initial noise, later steps are added while sampling."""
    size = (shape.repeated + shape.frames, shape.channels, shape.height, shape.width)
    noise = []
    for number in numbers:
        # The counter's first word counts the numbers drawn; the next two hold the prompt and the step.
        random = np.random.Generator(np.random.Philox(key=[seed, _DOMAIN], counter=[0, number, step, 0]))
        noise.append(torch.from_numpy(random.standard_normal(size)))
    return torch.stack(noise)
