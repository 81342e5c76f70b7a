"""DDIM there and back, on predictions whose right answer is known and on the inflated UNet."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from schemas.errors import ConfigError
from tests.training.models.tune_a_video.unets import make_model, segment, wake
from training.diffusion.schedule import NoiseSchedule
from training.editing.inversion import Prompt, invert, sample_from
from training.models.segment import Segment
from training.models.tune_a_video.model import Control

SCHEDULE = NoiseSchedule("scaled_linear")
EMPTY = torch.zeros(5, 12)


class Known:
    """Predicts the same noise always, and writes down what it was asked."""

    def __init__(self, noise: Tensor) -> None:
        self._noise = noise
        self.timesteps: list[int] = []

    def __call__(self, segments: Sequence[Segment]) -> list[Tensor]:
        self.timesteps += [segment.timestep for segment in segments]
        return [self._noise] * len(segments)


def drawn(seed: int, frames: int = 3) -> Tensor:
    return torch.randn(frames, 4, 8, 12, generator=torch.Generator().manual_seed(seed))


def test_with_the_noise_known_the_way_there_is_the_forward_process_and_the_way_back_ends_at_the_clip() -> None:
    model, clip = Known(drawn(1)), drawn(0)
    noise = invert(model, SCHEDULE, clip, EMPTY, 50)
    assert model.timesteps == list(range(1, 1000, 20))
    # The clip counts as having the first level's noise in it, as in Stable Diffusion.
    clean = (clip - (1 - SCHEDULE.alphas_cumprod[0]).sqrt() * drawn(1)) / SCHEDULE.alphas_cumprod[0].sqrt()
    assert torch.allclose(noise, SCHEDULE.add_noise(clean, drawn(1), 981).float(), atol=1e-4)
    again = sample_from(model, SCHEDULE, noise, Prompt(EMPTY, EMPTY, 1), 50)
    assert model.timesteps[50:] == list(range(981, 0, -20))
    assert torch.allclose(again, clip, atol=1e-3)


def test_a_model_that_sees_comes_back_close_and_closer_with_more_steps() -> None:
    def model(segments: Sequence[Segment]) -> list[Tensor]:
        # The best guess where clips are normal with a variance of 1: sqrt(1 - alpha_bar) of what is seen.
        return [(1 - float(SCHEDULE.alphas_cumprod[segment.timestep])) ** 0.5 * segment.latents for segment in segments]

    clip, errors = drawn(0), []
    for steps in (10, 50, 200):
        noise = invert(model, SCHEDULE, clip, EMPTY, steps)
        again = sample_from(model, SCHEDULE, noise, Prompt(EMPTY, EMPTY, 1), steps)
        errors.append(float((again - clip).norm() / clip.norm()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 0.05


def test_guidance_goes_from_the_empty_prompt_past_the_text() -> None:
    text = torch.ones(5, 12)

    def model(segments: Sequence[Segment]) -> list[Tensor]:
        return [segment.text.mean() * torch.ones_like(segment.latents) for segment in segments]

    noise = drawn(2)
    direct = sample_from(model, SCHEDULE, noise, Prompt(3 * text, EMPTY, 1), 5)
    guided = sample_from(model, SCHEDULE, noise, Prompt(text, EMPTY, 3), 5)
    assert torch.allclose(direct, guided, atol=1e-4)


def test_the_inflated_model_goes_there_and_back_and_listens_to_side_networks() -> None:
    model, _ = make_model()
    wake(model)
    clip = segment(3)
    noise = invert(model, SCHEDULE, clip.latents, EMPTY, 10)
    assert noise.shape == clip.latents.shape
    prompt = Prompt(clip.text, EMPTY, 3.0)
    plain = sample_from(model, SCHEDULE, noise, prompt, 5)
    asked: list[int] = []

    def control(scale: float) -> object:
        def residuals(latents: Tensor, timestep: int) -> Control:
            asked.append(timestep)
            generator = torch.Generator().manual_seed(timestep)
            return Control(adapter=(scale * torch.randn(3, 8, 8, 12, generator=generator),))

        return residuals

    assert torch.equal(sample_from(model, SCHEDULE, noise, prompt, 5, control(0.0)), plain)  # type: ignore[arg-type]
    assert asked == [801, 601, 401, 201, 1]
    guided = sample_from(model, SCHEDULE, noise, prompt, 5, control(0.1))  # type: ignore[arg-type]
    assert (guided - plain).abs().max() > 1e-3
    assert torch.equal(guided, sample_from(model, SCHEDULE, noise, prompt, 5, control(0.1)))  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [0, 501])
def test_more_moves_than_there_are_levels_are_refused(steps: int) -> None:
    with pytest.raises(ConfigError, match=f"sampling.steps = {steps}"):
        invert(Known(drawn(0)), SCHEDULE, drawn(1), EMPTY, steps)
