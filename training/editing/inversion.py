"""From a clip to the noise that it could have come from, and from that noise to an edit: DDIM backwards and forwards.

As published (2212.11565, section 3.3): 50 moves with an empty prompt and no guidance lead to the noise, which keeps the
clip's layout; from there 50 moves with another prompt and classifier-free guidance lead to the edit. The schedulers are
diffusers', at the noise levels of the model's own schedule.

    noise = invert(model, schedule, latents, empty, steps=50)
    edit = follow(model, schedule, noise, Prompt(text, empty, guidance=12.5), steps=50)

    python -m pytest tests/training/editing/test_inversion.py
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
"""`TuneAVideo`, or any model of segments that is not asked for control."""
Conditioner = Callable[[Tensor, int], Control]
"""A ControlNet or T2I-Adapter: from noisy latents [F, C, H, W] and the timestep to residuals for the frames."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Text states [L, width] of what is asked for and of the empty caption, and how far guidance goes (1: not)."""

    text: Tensor
    empty: Tensor
    guidance: float


@torch.no_grad()
def invert(model: Model, schedule: Schedule, latents: Tensor, empty: Tensor, steps: int) -> Tensor:
    """The noise [F, C, H, W], float32 or better, that leads to the latents. Raises `ConfigError` for bad `steps`."""
    backwards = _scheduler(DDIMInverseScheduler, schedule, steps)
    noise = latents.to(torch.promote_types(latents.dtype, torch.float32))
    for timestep in backwards.timesteps.tolist():
        (predicted,) = model([Segment(noise, empty, timestep)])
        noise = backwards.step(predicted.to(noise.dtype), timestep, noise).prev_sample
    return noise


@torch.no_grad()
def follow(
    model: Model,
    schedule: Schedule,
    noise: Tensor,
    prompt: Prompt,
    steps: int,
    control: Conditioner | None = None,
) -> Tensor:
    """Latents [F, C, H, W] that the prompt makes of the noise. Raises `ConfigError` for bad `steps`."""
    forwards = _scheduler(DDIMScheduler, schedule, steps)
    latents = noise.to(torch.promote_types(noise.dtype, torch.float32))
    texts = [prompt.text] if prompt.guidance == 1 else [prompt.text, prompt.empty]
    for timestep in forwards.timesteps.tolist():
        more = {"control": control(latents, timestep)} if control else {}
        found = [one.to(latents.dtype) for one in model([Segment(latents, text, timestep) for text in texts], **more)]
        predicted = guide(found[0], found[1], prompt.guidance) if len(found) > 1 else found[0]
        latents = forwards.step(predicted, timestep, latents).prev_sample
    return latents


def _scheduler(kind: Any, schedule: Schedule, steps: int) -> Any:
    """Timesteps 1, 21, ... 981 of 50, as Stable Diffusion's; the end of the last move has the first level's noise."""
    if not 1 <= steps <= TIMESTEPS // 2:
        raise ConfigError(f"sampling.steps = {steps}; inversion takes 1 to {TIMESTEPS // 2}")
    signal = schedule.signal
    before = torch.cat([torch.ones(1, dtype=signal.dtype), signal[:-1]])
    found = kind(
        num_train_timesteps=TIMESTEPS,
        trained_betas=(1 - signal / before).numpy(),
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
        prediction_type="epsilon",
    )
    found.set_timesteps(steps)
    return found
