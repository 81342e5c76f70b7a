"""Step 0 is PixArt-alpha in every frame; the key map is checked both ways; what is new learns at once."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import PixArtTransformer2DModel
from torch import Tensor

from schemas.errors import ConfigError
from tests.training.models.latte.made import latte, segment
from training.models.latte.config import LatteConfig
from training.models.latte.model import Latte
from training.models.latte.pixart import Started, start_from_pixart, without_time
from training.models.segment import Segment

SIZES = {
    "num_attention_heads": 2, "attention_head_dim": 12, "cross_attention_dim": 24, "num_layers": 2,
    "caption_channels": 10, "sample_size": 8, "in_channels": 4, "out_channels": 8,
}  # fmt: skip


def pixart(**changes: Any) -> PixArtTransformer2DModel:
    torch.manual_seed(0)
    return PixArtTransformer2DModel(**{**SIZES, **changes}).eval()


def started(theirs: PixArtTransformer2DModel, **options: Any) -> tuple[Latte, Started]:
    config = LatteConfig.from_pixart(dict(theirs.config), text_length=5, frames=8, **options)
    start = start_from_pixart(config, theirs.state_dict(), seed=0)
    model = Latte(config)
    model.load_state_dict(start.weights)
    return model, start


def image_predictions(theirs: PixArtTransformer2DModel, clip: Segment, text: Tensor | None = None) -> Tensor:
    """What the picture model makes of each frame."""
    count = len(clip.latents)
    states = (clip.text if text is None else text).expand(count, -1, -1)
    with torch.no_grad():
        predictions: Tensor = theirs(clip.latents, states, torch.full((count,), clip.timestep)).sample
    return predictions


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"variant": 2},
        {"variant": 3},
        {"temporal_positions": "rotary"},
        {"tells_rate": True, "caption_dim": 10},
    ],
)
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_step_0_is_the_picture_model_in_every_frame(options: dict[str, Any], dtype: torch.dtype, error: float) -> None:
    theirs = pixart().to(dtype)
    model, _ = started(theirs, **options)
    model.to(dtype)
    for shape in [(1, 8, 8), (2, 8, 8), (5, 12, 6), (8, 4, 10)]:
        clip = segment(model.config, shape, 123, dtype)
        with torch.no_grad():
            (prediction,) = model([clip])
        assert (prediction - image_predictions(theirs, clip)).abs().max() < error


def test_without_the_gate_it_would_not_be() -> None:
    theirs = pixart().double()
    model, _ = started(theirs)
    model.double()
    torch.nn.init.ones_(model.temporal_position_gate)
    clip = segment(model.config, (4, 8, 8), 123)
    assert (model([clip])[0] - image_predictions(theirs, clip)).abs().max() > 0.1


@pytest.mark.parametrize("variant", [1, 2, 3])
def test_only_temporal_weights_are_new_and_every_one_can_learn(variant: int) -> None:
    model, start = started(pixart(), variant=variant, tells_rate=True)
    assert all("temporal" in name for name in start.new)
    assert start.dropped == ()
    assert set(start.weights) == set(model.state_dict())
    assert set(start.new) | set(pixart().state_dict()) == set(start.weights)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    clip = segment(model.config, (4, 8, 8), 9, torch.float32)
    for _ in range(3):  # layers before silent ones wait until those speak
        optimizer.zero_grad()
        model([clip])[0].square().mean().backward()
        optimizer.step()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert bool(weight.grad.any()), name


def test_the_kind_and_the_seed_of_new_weights() -> None:
    config = LatteConfig.from_pixart(dict(pixart().config))
    state = pixart().state_dict()
    name = "temporal_transformer_blocks.0.ff.net.0.proj.weight"
    drawn = {
        distribution: start_from_pixart(config, state, 0, distribution).weights
        for distribution in ("xavier", "kaiming")
    }
    # Xavier: 6 / (24 + 96) under the root; Kaiming: 3 / 24.
    assert drawn["xavier"][name].abs().max() == pytest.approx((6 / 120) ** 0.5, rel=0.02)
    assert drawn["kaiming"][name].abs().max() == pytest.approx((3 / 24) ** 0.5, rel=0.02)
    again, other = start_from_pixart(config, state, 0).weights, start_from_pixart(config, state, 1).weights
    assert torch.equal(again[name], drawn["xavier"][name])
    assert not torch.equal(other[name], again[name])
    for weights in drawn.values():
        for block in (0, 1):
            for end in ("attn1.to_out.0.weight", "attn1.to_out.0.bias", "ff.net.2.weight", "ff.net.2.bias"):
                assert not weights[f"temporal_transformer_blocks.{block}.{end}"].any()


def test_the_1024_models_size_embedders_are_dropped_and_named(caplog: pytest.LogCaptureFixture) -> None:
    theirs = pixart(use_additional_conditions=True, sample_size=128)
    model, start = started(theirs)
    assert len(start.dropped) == 8
    assert all("resolution_embedder" in name or "aspect_ratio_embedder" in name for name in start.dropped)
    assert "8 weights for the image's size and aspect are dropped" in caplog.text
    assert model.config.interpolation_scale == 2


def test_a_checkpoint_that_does_not_fit_is_refused_with_the_names() -> None:
    theirs = pixart()
    config = LatteConfig.from_pixart(dict(theirs.config))
    state = dict(theirs.state_dict())
    with pytest.raises(ConfigError, match=r"unexpected weights: transformer_blocks\.9\.norm\.weight\. Take"):
        start_from_pixart(config, {**state, "transformer_blocks.9.norm.weight": torch.ones(1)}, 0)
    lacking = {name: weight for name, weight in state.items() if name != "proj_out.bias"}
    with pytest.raises(ConfigError, match=r"missing weights: proj_out\.bias\. Take"):
        start_from_pixart(config, lacking, 0)
    with pytest.raises(ConfigError, match=r"other shapes: proj_out\.bias \[3\] \(here \[32\]\)"):
        start_from_pixart(config, {**state, "proj_out.bias": torch.ones(3)}, 0)
    with pytest.raises(ConfigError, match=r"missing weights: transformer_blocks\.2.* and .* more"):
        start_from_pixart(replace(config, layers=8), state, 0)


def test_another_text_encoder_begins_as_a_caption_of_zeros() -> None:
    theirs = pixart().double()
    model, start = started(theirs, text_dim=6)
    model.double()
    assert [name for name in start.new if "temporal" not in name] == [
        "text_adapter.linear.weight",
        "text_adapter.linear.bias",
    ]
    clip = segment(model.config, (3, 8, 8), 40)
    silent = torch.zeros(5, 10, dtype=torch.float64)
    (out,) = model([clip])
    assert (out - image_predictions(theirs, clip, silent)).abs().max() < 1e-10
    out.square().mean().backward()
    assert model.text_adapter.linear.weight.grad is not None
    assert bool(model.text_adapter.linear.weight.grad.any())


def test_twice_the_resolution_is_the_picture_models_own_interpolation() -> None:
    theirs = pixart(sample_size=16, interpolation_scale=2).double()
    small, _ = started(pixart())
    config = replace(small.config, sample_size=16, interpolation_scale=2)
    model = Latte(config)
    model.load_state_dict(start_from_pixart(config, theirs.state_dict(), 0).weights)
    clip = segment(config, (2, 16, 16), 77)
    assert (model.double()([clip])[0] - image_predictions(theirs, clip)).abs().max() < 1e-10


def test_a_latte_trained_on_stills_is_a_picture_model() -> None:
    model = latte(LatteConfig.from_pixart(dict(pixart().config))).double()
    theirs = pixart()
    theirs.load_state_dict(without_time(model.state_dict()))
    image = segment(model.config, (1, 8, 8), 5)
    assert (model([image])[0] - image_predictions(theirs.double(), image)).abs().max() < 1e-10
