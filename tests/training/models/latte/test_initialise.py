"""Training from scratch starts with blocks that do nothing, by a seed."""

import pytest
import torch

from tests.training.models.latte.made import FORMS, mixed, segment
from training.models.latte.initialise import initialise
from training.models.latte.model import Latte


@pytest.mark.parametrize("name", FORMS)
def test_every_weight_is_set_by_the_seed(name: str) -> None:
    models = [Latte(FORMS[name]) for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        torch.nn.init.constant_(model.proj_out.weight, torch.nan)
        initialise(model, seed)
    first, same, other = (model.state_dict() for model in models)
    assert all(bool(weight.isfinite().all()) for weight in first.values())
    assert all(torch.equal(first[key], same[key]) for key in first)
    assert not torch.equal(first["pos_embed.proj.weight"], other["pos_embed.proj.weight"])


@pytest.mark.parametrize("name", FORMS)
def test_the_first_prediction_is_zero_and_blocks_do_nothing(name: str) -> None:
    model = Latte(FORMS[name])
    initialise(model, 0)
    clip = segment(model.config, (2 * model.config.patch_frames, 4, 6), 3, torch.float32)
    assert not model([clip])[0].any()
    if model.config.modulation == "none":
        return  # without modulation there is no gate to close
    torch.nn.init.ones_(model.proj_out.weight)
    before = model([clip])[0]
    for block in model.blocks():
        for layer in (block.attn1.to_out[0], block.ff.net[2]):
            torch.nn.init.zeros_(layer.get_parameter("weight"))
    assert torch.equal(model([clip])[0], before)


@pytest.mark.parametrize("name", FORMS)
def test_every_weight_learns_after_a_few_steps(name: str) -> None:
    model = Latte(FORMS[name])
    initialise(model, 0)
    segments = mixed(model.config)
    segments = [type(item)(item.latents.float(), item.text.float(), item.timestep, item.fps) for item in segments]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(4):
        optimizer.zero_grad()
        loss = torch.stack([(out - 1).square().mean() for out in model(segments)]).mean()
        torch.autograd.backward(loss)
        optimizer.step()
    still = [key for key, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not still


def test_tokens_are_multiplied_by_xavier() -> None:
    model = Latte(FORMS["variant 1"])
    initialise(model, 0)
    weight = model.transformer_blocks[0].ff.net[0].proj.weight  # type: ignore[index, union-attr]
    assert float(weight.detach().abs().max()) == pytest.approx((6 / (24 + 96)) ** 0.5, rel=0.02)
    assert float(model.caption_projection.linear_1.weight.detach().std()) == pytest.approx(0.02, rel=0.2)
    assert model.temporal_position_gate == 1
