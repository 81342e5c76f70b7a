"""DDIM inversion of a clip to noise, and DDIM sampling from that noise to an edit.

As published (2212.11565, section 3.3): 50 steps with an empty prompt and no guidance lead to noise that keeps the
clip's layout; from there 50 steps with another prompt and classifier-free guidance lead to the edit. The schedulers are
diffusers', with the noise levels of the model's own schedule.

    noise = invert(model, schedule, latents, empty, steps=50)
    edit = sample_from(model, schedule, noise, Prompt(text, empty, guidance=12.5), steps=50)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler
from torch import Tensor

from schemas.errors import ConfigError
from training.diffusion.schedule import TIMESTEPS, Schedule
from training.models.segment import Segment
from training.models.tune_a_video.model import Control
from training.sampling.guidance import guide

Model = Callable[..., Sequence[Tensor]]
"""`TuneAVideo`, or without control any model of segments."""
Conditioner = Callable[[Tensor, int], Control]
"""A ControlNet or T2I-Adapter: from noisy latents [T, C, H, W] and the timestep to residuals for the frames."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Text embeddings [L, text_dim] of the prompt and of the empty caption, and the guidance scale (1: no guidance)."""

    text: Tensor
    empty: Tensor
    guidance: float


@torch.no_grad()
def invert(model: Model, schedule: Schedule, latents: Tensor, empty: Tensor, steps: int) -> Tensor:
    """The noise that leads to `latents` [T, C, H, W]; same shape, float32 or float64.

    Raises `ConfigError` for `steps` out of range.
    """
    scheduler = _scheduler(DDIMInverseScheduler, schedule, steps)
    noise = latents.to(torch.promote_types(latents.dtype, torch.float32))
    for timestep in scheduler.timesteps.tolist():
        (predicted,) = model([Segment(noise, empty, timestep)])
        noise = scheduler.step(predicted.to(noise.dtype), timestep, noise).prev_sample
    return noise


@torch.no_grad()
def sample_from(
    model: Model,
    schedule: Schedule,
    noise: Tensor,
    prompt: Prompt,
    steps: int,
    control: Conditioner | None = None,
) -> Tensor:
    """Latents [T, C, H, W] sampled from `noise` of the same shape with the prompt, float32 or float64.

    Raises `ConfigError` for `steps` out of range.
    """
    scheduler = _scheduler(DDIMScheduler, schedule, steps)
    latents = noise.to(torch.promote_types(noise.dtype, torch.float32))
    texts = [prompt.text] if prompt.guidance == 1 else [prompt.text, prompt.empty]
    for timestep in scheduler.timesteps.tolist():
        more = {"control": control(latents, timestep)} if control else {}
        predictions = [
            prediction.to(latents.dtype)
            for prediction in model([Segment(latents, text, timestep) for text in texts], **more)
        ]
        predicted = guide(predictions[0], predictions[1], prompt.guidance) if len(predictions) > 1 else predictions[0]
        latents = scheduler.step(predicted, timestep, latents).prev_sample
    return latents


def _scheduler(scheduler_class: Any, schedule: Schedule, steps: int) -> Any:
    """Timesteps 1, 21, ... 981 for 50 steps, as in Stable Diffusion; the last step ends at the first noise level."""
    if not 1 <= steps <= TIMESTEPS // 2:
        raise ConfigError(f"sampling.steps = {steps}; inversion takes 1 to {TIMESTEPS // 2}")
    alphas_cumprod = schedule.alphas_cumprod
    previous = torch.cat([torch.ones(1, dtype=alphas_cumprod.dtype), alphas_cumprod[:-1]])
    scheduler = scheduler_class(
        num_train_timesteps=TIMESTEPS,
        trained_betas=(1 - alphas_cumprod / previous).numpy(),
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
        prediction_type="epsilon",
    )
    scheduler.set_timesteps(steps)
    return scheduler
