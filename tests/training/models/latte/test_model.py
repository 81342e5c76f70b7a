"""The text form is diffusers' Latte; clips and pictures of a pack give the numbers that they give alone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from diffusers import LatteTransformer3DModel
from torch import Tensor

from schemas.errors import ConfigError
from tests.training.models.latte.made import FORMS, SMALL, latte, mixed, segment
from training.models.latte.model import Latte
from training.models.segment import Segment

SHAPES = [(8, 8, 8), (3, 4, 10), (2, 12, 6), (5, 16, 16)]


@pytest.mark.parametrize("shape", SHAPES)
def test_equal_to_diffusers_on_the_same_weights(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    config = replace(SMALL, frames=shape[0])
    theirs = LatteTransformer3DModel(**config.to_diffusers()).eval()
    ours = Latte(config)
    mismatch = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert (mismatch.missing_keys, mismatch.unexpected_keys) == (["temporal_position_gate"], [])
    pair = [segment(config, shape, timestep, torch.float32) for timestep in (321, 7)]
    with torch.no_grad():
        expected = theirs(
            torch.stack([clip.latents.transpose(0, 1) for clip in pair]),
            encoder_hidden_states=torch.stack([clip.text for clip in pair]),
            timestep=torch.tensor([clip.timestep for clip in pair]),
        ).sample.transpose(1, 2)
        result = torch.stack(ours(pair))
    assert result.shape == expected.shape == (2, shape[0], 8, *shape[1:])
    assert (result - expected).abs().max() < 1e-5


def gradients(model: Latte, packs: Sequence[Sequence[Segment]]) -> tuple[list[Tensor], dict[str, Tensor]]:
    model.zero_grad()
    outputs = [out for pack in packs for out in model(pack)]
    torch.autograd.backward(torch.stack([out.square().mean() for out in outputs]).sum())
    learnt = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    return [out.detach() for out in outputs], learnt


@pytest.mark.parametrize("name", FORMS)
def test_packed_equals_alone_in_outputs_and_every_gradient(name: str) -> None:
    model = latte(FORMS[name]).double()
    segments = mixed(model.config)
    packed, packed_gradients = gradients(model, [segments])
    alone, alone_gradients = gradients(model, [[item] for item in segments])
    assert all((output - other).abs().max() < 1e-10 for output, other in zip(packed, alone, strict=True))
    assert [out.shape[0] for out in packed] == [len(item.latents) for item in segments]
    assert set(packed_gradients) == {key for key, _ in model.named_parameters()}
    for key, gradient in packed_gradients.items():
        assert (gradient - alone_gradients[key]).abs().max() < 1e-10, key
        assert gradient.abs().max() > 0, key


@pytest.mark.parametrize("name", FORMS)
def test_pictures_teach_nothing_to_temporal_weights(name: str) -> None:
    model = latte(FORMS[name]).double()
    images = [item for item in mixed(model.config) if len(item.latents) == model.config.patch_frames]
    _, learnt = gradients(model, [images])
    assert set(learnt) == {key for key, _ in model.named_parameters()}, "every weight takes part, for sharded training"
    for key, gradient in learnt.items():
        assert bool(gradient.any()) != ("temporal" in key), key


@pytest.mark.parametrize("name", ["variant 1", "variant 4", "tokens joint"])
def test_frames_of_a_clip_see_each_other_only_by_temporal_layers(name: str) -> None:
    model = latte(FORMS[name]).double()
    clip = segment(model.config, (4, 4, 6), 3)
    other = Segment(torch.cat([clip.latents[:3], clip.latents[3:] + 1]), clip.text, clip.timestep, clip.fps)
    with torch.no_grad():
        assert (model([clip])[0][0] - model([other])[0][0]).abs().max() > 1e-6
        for key, weight in model.named_parameters():
            if "temporal" in key:
                weight.zero_()
        assert torch.equal(model([clip])[0][0], model([other])[0][0])


@pytest.mark.parametrize("name", ["variant 1", "variant 3"])
def test_checkpointed_blocks_give_the_same_gradients(name: str) -> None:
    model = latte(FORMS[name]).double()
    _, kept = gradients(model, [mixed(model.config)])
    model.checkpoint_blocks = True
    _, again = gradients(model, [mixed(model.config)])
    assert all(torch.equal(kept[key], again[key]) for key in kept)


@pytest.mark.parametrize("name", FORMS)
def test_time_and_condition_matter(name: str) -> None:
    model = latte(FORMS[name]).double()
    clip = segment(model.config, (2 * model.config.patch_frames, 4, 4), 6)
    with torch.no_grad():
        (first,) = model([clip])
        (later,) = model([replace(clip, timestep=900)])
        (other_text,) = model([replace(clip, text=clip.text + 1)])
        (faster,) = model([replace(clip, fps=24.0)])
    assert (first - later).abs().max() > 1e-6
    assert bool((first - other_text).any()) == (model.config.conditioning != "none")
    assert bool((first - faster).any()) == model.config.tells_rate


def test_blocks_follow_one_another_as_the_variant_says() -> None:
    def axes(name: str) -> str:
        return "".join(block.axis[0] for block in latte(FORMS[name]).blocks())

    assert (axes("variant 1"), axes("variant 2"), axes("variant 3")) == ("stst", "sstt", "ssss")


def test_half_precision_runs() -> None:
    model = latte(FORMS["rotary split"])
    with torch.autocast("cpu", torch.bfloat16):
        outputs = model(
            [replace(item, latents=item.latents.float(), text=item.text.float()) for item in mixed(model.config)]
        )
    assert all(bool(out.isfinite().all()) for out in outputs)


def test_wrong_channels_text_sides_and_lengths_are_refused_with_what_they_may_be() -> None:
    model = latte(SMALL)
    with pytest.raises(ConfigError, match="3 channels are pixels"):
        model([Segment(torch.zeros(2, 3, 4, 4), torch.zeros(5, 10), 0)])
    with pytest.raises(ConfigError, match="384 dimensions"):
        model([Segment(torch.zeros(2, 4, 4, 4), torch.zeros(5, 384), 0)])
    with pytest.raises(ConfigError, match="do not divide by patch = 2"):
        model([Segment(torch.zeros(2, 4, 5, 4), torch.zeros(5, 10), 0)])
    with pytest.raises(ConfigError, match="9 latent frames, but temporal positions for 8"):
        model([Segment(torch.zeros(9, 4, 4, 4), torch.zeros(5, 10), 0)])
    latte(FORMS["rotary"])([Segment(torch.zeros(9, 4, 4, 4), torch.zeros(5, 10), 0)])


def test_padding_is_left_out_where_the_model_was_trained_so() -> None:
    text = torch.randn(3, 10)
    padded = torch.cat([text, torch.zeros(2, 10)])
    short, long = (Segment(torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(3)), caption, 40)
                   for caption in (text, padded))  # fmt: skip
    masking = latte(SMALL)
    assert torch.allclose(masking([long])[0], masking([short])[0], atol=1e-5)
    attending = latte(replace(SMALL, padding="attended"))
    assert not torch.allclose(attending([long])[0], attending([short])[0], atol=1e-3)
    silent = Segment(short.latents, torch.zeros(5, 10), 40)
    assert torch.isfinite(masking([silent])[0]).all()
