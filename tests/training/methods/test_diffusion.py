"""The objective: pixels are encoded and latents are not, noise belongs to a sample, and a pack changes no loss."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tests.training.made_run import SIZES, NoText, made_pack, made_sample
from training.data.batch import LatentBatch, PixelBatch, PixelSample
from training.data.shapes import ClipShape
from training.diffusion.random_keys import RandomKey
from training.diffusion.schedule import VelocitySchedule
from training.encoders.linear import open_linear
from training.families.cogvideox import CogVideoXFamily
from training.loop.training_step import TrainingPack
from training.methods.diffusion import DiffusionMethod
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX


class MadeText(NoText):
    """States that tell captions apart."""

    def encode(self, captions: Sequence[str]) -> Tensor:
        return torch.stack([torch.full((5, 12), float(len(caption))) for caption in captions])


def method(sizes: CogVideoXConfig = SIZES, precision: str = "float32") -> DiffusionMethod:
    torch.manual_seed(0)
    model = CogVideoX(sizes)
    return DiffusionMethod(model, CogVideoXFamily(sizes, VelocitySchedule(1.0)), open_linear(), MadeText(), precision)


def test_a_samples_loss_does_not_depend_on_its_pack() -> None:
    diffusion = method()
    pack = made_pack([0, 1, 2, 4], 5, 0, 4)
    together = diffusion.losses(pack.batch, pack.keys)
    for number, (sample, key) in enumerate(zip([0, 1, 2, 4], pack.keys, strict=True)):
        alone = diffusion.losses(LatentBatch((made_sample(sample),)), [key])
        assert alone.timesteps == (together.timesteps[number],)
        assert torch.allclose(alone.values[0], together.values[number], rtol=1e-5)


def test_a_packs_timesteps_are_those_of_the_whole_step() -> None:
    halves = [made_pack([0, 1], 5, 0, 4), made_pack([2, 4], 5, 2, 4)]
    times = [time for pack in halves for time in method().losses(pack.batch, pack.keys).timesteps]
    assert sorted(time // 250 for time in times) == [0, 1, 2, 3]


def test_pixels_are_encoded_and_a_missing_caption_is_the_unconditional_one() -> None:
    shape = ClipShape(32, 32, 9, 8.0)
    pixels = np.random.default_rng(0).integers(0, 255, (9, 32, 32, 3), np.uint8)
    samples = tuple(
        PixelSample(sample_id=name, clip_id=name, shape=shape, pixels=pixels, caption=caption)
        for name, caption in (("a", "two words"), ("b", ""), ("c", "one"))
    )
    keys = [
        RandomKey(seed=0, step=0, position=n, count=3, sample_id=sample.sample_id) for n, sample in enumerate(samples)
    ]
    latents, texts = method().encode(PixelBatch(samples), keys)
    assert [tuple(latent.shape) for latent in latents] == [(3, 16, 4, 4)] * 3
    assert [text[0, 0].item() for text in texts] == [9.0, 0.0, 3.0]
    mean, _ = open_linear().encode(pixels)
    assert torch.equal(latents[0], mean)


def test_the_posterior_is_drawn_anew_in_every_step() -> None:
    diffusion, sample = method(), made_sample(0)
    first, again, other = (
        diffusion.encode(
            LatentBatch((sample,)), [RandomKey(seed=0, step=s, position=0, count=1, sample_id=sample.sample_id)]
        )
        for s in (1, 1, 2)
    )
    assert torch.equal(first[0][0], again[0][0])
    assert not torch.equal(first[0][0], other[0][0])
    spread = (other[0][0] - sample.mean).std().item()
    assert 0.08 < spread < 0.12  # the made std is 0.1


def test_two_latent_frames_to_a_patch_repeat_the_first_and_noise_both() -> None:
    sizes = CogVideoXConfig(
        heads=2, head_dim=16, layers=1, text_dim=12, text_length=5, time_embed_dim=16, patch_frames=2, flat_patch=True
    )
    diffusion = method(sizes)
    pack = made_pack([0], 0, 0, 1)
    latents, _ = diffusion.encode(pack.batch, pack.keys)
    assert len(latents[0]) == 4
    assert torch.equal(latents[0][0], latents[0][1])
    assert torch.isfinite(diffusion.losses(pack.batch, pack.keys).values).all()


def test_bfloat16_leaves_target_and_loss_exact() -> None:
    pack: TrainingPack = made_pack([0, 1], 0, 0, 2)
    exact = method().losses_at(pack.batch, pack.keys, [2, 10])
    rounded = method(precision="bfloat16").losses_at(pack.batch, pack.keys, [2, 10])
    assert rounded.values.dtype == torch.float32
    assert torch.allclose(exact.values, rounded.values, rtol=0.05)


def test_an_idle_pack_gives_every_weight_a_gradient_of_zero() -> None:
    diffusion = method()
    diffusion.idle().backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in diffusion.model.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)
