"""Sampled latents: of the right distribution, equal to diffusers' loop, the same in every pack."""

from collections.abc import Sequence

import pytest
import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXTransformer3DModel
from torch import Tensor

from schemas.errors import ConfigError
from training.config import SamplingConfig
from training.data.shapes import ClipShape
from training.diffusion.schedule import NoiseSchedule, VelocitySchedule
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX
from training.models.cogvideox.positions import rotary
from training.models.segment import Segment
from training.sampling import sample
from training.sampling.guidance import guidance_scale
from training.sampling.sample import LatentShape, latent_shape, sample_latents

SMALL = {
    "2b": CogVideoXConfig(
        heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16, positions="sincos", text_length=7
    ),
    "5b": CogVideoXConfig(heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16),
    "1.5": CogVideoXConfig(
        heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16, patch_frames=2, flat_patch=True
    ),
}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def texts(count: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    states = torch.randn(count + 1, 7, 24, generator=torch.Generator().manual_seed(3), dtype=dtype)
    return states[:-1], states[-1]


@pytest.mark.parametrize(("sampler", "steps"), [("ddim", 250), ("dpm", 80), ("dpm-sde", 250)])
def test_the_optimal_denoiser_of_a_gaussian_gives_its_mean_and_variance(sampler: str, steps: int) -> None:
    mean, std, schedule = 0.7, 0.5, VelocitySchedule(1.0)

    def optimal(segments: Sequence[Segment]) -> list[Tensor]:
        predictions = []
        for segment in segments:
            signal = float(schedule.alphas_cumprod[segment.timestep])
            amplitude, noisy = signal**0.5, (1 - signal) ** 0.5
            weight = amplitude * std**2 / (signal * std**2 + 1 - signal)
            clean = mean + weight * (segment.latents - amplitude * mean)
            predictions.append((amplitude * segment.latents - clean) / noisy)  # v of that clean clip
        return predictions

    text, empty = texts(3, torch.float64)
    settings = SamplingConfig.model_validate({"sampler": sampler, "steps": steps})
    latents = sample_latents(optimal, schedule, text, empty, LatentShape(4, 16, 16, 16), settings, seed=2)
    assert latents.shape == (3, 4, 16, 16, 16)
    assert latents.mean() == pytest.approx(mean, abs=0.03)
    assert latents.std() == pytest.approx(std, abs=0.03)
    # 49,152 numbers of a Gaussian: their fourth moment is 3 within 5 of its standard errors (sqrt(24 / n))
    kurtosis = float((((latents - latents.mean()) / latents.std()) ** 4).mean())
    assert kurtosis == pytest.approx(3, abs=5 * (24 / latents.numel()) ** 0.5)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("dynamic", [True, False])
def test_equal_to_the_loop_of_diffusers_on_the_same_weights(name: str, dynamic: bool) -> None:
    config, steps, seed = SMALL[name], 5, 11
    torch.manual_seed(0)
    theirs = CogVideoXTransformer3DModel(**config.to_diffusers()).double().eval()
    ours = CogVideoX(config).double()
    ours.load_state_dict(theirs.state_dict())
    shape = latent_shape(config, ClipShape(64, 48, 17, 8.0))
    assert (shape.frames, shape.repeated) == (5, 1 if name == "1.5" else 0)
    text, empty = texts(2, torch.float64)
    settings = SamplingConfig(steps=steps, guidance=4.0, dynamic_guidance=dynamic)
    sampled = sample_latents(ours, VelocitySchedule(3.0), text, empty, shape, settings, seed)

    scheduler = CogVideoXDDIMScheduler(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing", clip_sample=False
    )
    scheduler.set_timesteps(steps)
    frames = shape.frames + shape.repeated
    grid = (frames // config.patch_frames, 3, 4)
    freqs = rotary(grid, config.head_dim) if config.positions == "rotary" else None
    mixed = sample._noise(shape, seed, range(2), 0)
    with torch.no_grad():
        for index, timestep in enumerate(scheduler.timesteps):
            everything = theirs(
                torch.cat([mixed, mixed]),
                torch.cat([empty.expand_as(text), text]),
                timestep.expand(4),
                image_rotary_emb=freqs,
            ).sample
            other, conditional = everything.chunk(2)
            scale = guidance_scale(index, steps, 4.0, dynamic)
            mixed = scheduler.step(other + scale * (conditional - other), timestep, mixed).prev_sample
    # The sines of time and of 2B's positions are float32 in both; everything else is float64.
    assert sampled.shape == (2, 5, 16, 6, 8)
    assert (sampled - mixed[:, shape.repeated :]).abs().max() < 1e-6


@pytest.mark.parametrize("sampler", ["ddim", "dpm-sde"])
def test_the_size_of_a_pack_changes_nothing(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = CogVideoX(SMALL["5b"]).double()
    text, empty = texts(5, torch.float64)
    settings = SamplingConfig.model_validate({"sampler": sampler, "steps": 3})
    shape = LatentShape(2, 16, 4, 4)
    together = sample_latents(model, VelocitySchedule(1.0), text, empty, shape, settings, seed=1)
    monkeypatch.setattr(sample, "MAX_LATENT_PIXELS", 1)
    alone = sample_latents(model, VelocitySchedule(1.0), text, empty, shape, settings, seed=1)
    assert (together - alone).abs().max() < 1e-9
    other = sample_latents(model, VelocitySchedule(1.0), text, empty, shape, settings, seed=2)
    assert (other - alone).abs().max() > 0.1
    assert [len(pack) for pack in sample._packs(5, shape)] == [1] * 5
    noise = sample._noise(shape, 1, range(5), 0)
    assert (
        len(
            {float(noise_of_prompt.flatten()[0]) for noise_of_prompt in [*noise, *sample._noise(shape, 1, range(5), 1)]}
        )
        == 10
    )


@pytest.mark.parametrize("name", SMALL)
def test_bfloat16_networks_are_sampled_in_float32(name: str) -> None:
    torch.manual_seed(0)
    model = CogVideoX(SMALL[name])
    text, empty = texts(1)
    shape = latent_shape(SMALL[name], ClipShape(32, 32, 9, 8.0))
    settings = SamplingConfig(steps=2)
    exact = sample_latents(model, VelocitySchedule(1.0), text, empty, shape, settings, seed=0)
    short = sample_latents(
        model.bfloat16(), VelocitySchedule(1.0), text.bfloat16(), empty.bfloat16(), shape, settings, seed=0
    )
    assert short.dtype == torch.float32
    assert 0 < (short - exact).abs().mean() < 0.05


def test_guidance_one_never_asks_for_the_empty_caption() -> None:
    asked = []

    def counting(segments: Sequence[Segment]) -> list[Tensor]:
        asked.append(len(segments))
        return [torch.zeros_like(segment.latents) for segment in segments]

    text, empty = texts(2)
    settings = SamplingConfig(steps=3, guidance=1.0, dynamic_guidance=False)
    sample_latents(counting, VelocitySchedule(1.0), text, empty, LatentShape(1, 16, 2, 2), settings, seed=0)
    assert asked == [2, 2, 2]


def test_the_repeated_frames_of_an_image_are_dropped() -> None:
    assert latent_shape(SMALL["1.5"], ClipShape(32, 32, 1, 0.0)) == LatentShape(1, 16, 4, 4, repeated=1)
    torch.manual_seed(0)
    text, empty = texts(1)
    shape = latent_shape(SMALL["1.5"], ClipShape(32, 32, 1, 0.0))
    settings = SamplingConfig(steps=2)
    latents = sample_latents(CogVideoX(SMALL["1.5"]), VelocitySchedule(1.0), text, empty, shape, settings, seed=0)
    assert latents.shape == (1, 1, 16, 4, 4)


def test_models_that_continue_a_picture_are_refused() -> None:
    config = CogVideoXConfig(heads=2, head_dim=32, layers=1, in_channels=32)
    with pytest.raises(ConfigError, match="takes 32 channels and predicts 16"):
        latent_shape(config, ClipShape(64, 48, 17, 8.0))


def test_a_bound_holds_what_a_sampler_believes() -> None:
    def wild(segments: Sequence[Segment]) -> list[Tensor]:
        return [torch.full_like(segment.latents, 5.0) for segment in segments]

    text, empty = torch.zeros(1, 2, 3), torch.zeros(2, 3)
    shape = LatentShape(2, 4, 4, 4)
    settings = SamplingConfig(steps=4, guidance=1, dynamic_guidance=False)
    schedule = NoiseSchedule("linear")
    free = sample_latents(wild, schedule, text, empty, shape, settings, seed=0)
    bound = sample_latents(wild, schedule, text, empty, shape, settings.model_copy(update={"largest": 3.0}), seed=0)
    assert free.abs().max() > 100
    assert bound.abs().max() <= 3
