"""Adapters: nothing at step 0, alone in learning, the same merged, and readable by diffusers."""

import pytest
import torch
from peft import get_peft_model_state_dict
from torch import Tensor

from schemas.errors import ConfigError
from training.config import LoraConfig
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX
from training.models.lora import add_adapters, merged_state, split_adapters, target_layers, trainable
from training.models.segment import Segment

CONFIG = CogVideoXConfig(heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16)
LORA = LoraConfig(rank=4, alpha=8.0)


def model() -> CogVideoX:
    torch.manual_seed(0)
    return CogVideoX(CONFIG)


def output(net: CogVideoX) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    latents, text = torch.randn(2, 16, 4, 4, generator=generator), torch.randn(5, 24, generator=generator)
    (prediction,) = net([Segment(latents, text, 500)])
    return prediction  # type: ignore[no-any-return]


def trained() -> CogVideoX:
    net = model()
    add_adapters(net, LORA, seed=0)
    optimizer = torch.optim.SGD(trainable(net).values(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        output(net).square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return net


def test_step_zero_is_the_base_model_and_only_adapters_learn() -> None:
    net, base = model(), model()
    layers = add_adapters(net, LORA, seed=0)
    assert layers == [
        f"transformer_blocks.{i}.attn1.{end}" for i in (0, 1) for end in ("to_q", "to_k", "to_v", "to_out.0")
    ]
    assert torch.equal(output(net), output(base))
    names = set(trainable(net))
    assert names == {f"{layer}.lora_{side}.default.weight" for layer in layers for side in "AB"}


def test_training_moves_the_adapters_and_leaves_the_base_alone() -> None:
    net, base = trained(), model()
    assert (output(net) - output(base)).abs().max() > 1e-4
    merged = merged_state(net)
    targets = {f"{layer}.weight" for layer in target_layers(base, LORA.targets)}
    for name, weight in base.state_dict().items():
        assert torch.equal(merged[name], weight) == (name not in targets), name


def test_merged_equals_unmerged_and_has_the_names_of_the_plain_model() -> None:
    net, plain = trained(), model()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    plain.load_state_dict(merged_state(net))
    assert (output(net) - output(plain)).abs().max() < 1e-5
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items()), "merging is no change"


def test_a_state_dict_is_taken_apart_into_the_plain_model_and_its_adapters() -> None:
    net, base = trained(), model()
    plain, adapters = split_adapters(net.state_dict())
    assert all(torch.equal(weight, plain[name]) for name, weight in base.state_dict().items())
    assert plain.keys() == base.state_dict().keys()
    known = get_peft_model_state_dict(net)
    assert adapters.keys() == known.keys()
    assert all(torch.equal(weight, known[name]) for name, weight in adapters.items())


def test_the_seed_says_what_adapters_start_from() -> None:
    first, second, other = model(), model(), model()
    for net, seed in ((first, 1), (second, 1), (other, 2)):
        torch.rand(seed)  # whatever was drawn before
        add_adapters(net, LORA, seed)
    name = "transformer_blocks.0.attn1.to_q.lora_A.weight"
    start = [split_adapters(net.state_dict())[1][name] for net in (first, second, other)]
    assert torch.equal(start[0], start[1])
    assert not torch.equal(start[0], start[2])
    assert start[0].shape == (4, 64)


def test_a_target_that_matches_nothing_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'to_query' matches no layer.*to_q"):
        add_adapters(model(), LoraConfig(rank=2, targets=["to_v", "to_query"]), seed=0)
    with pytest.raises(ConfigError, match=r"takes no adapter; write net\.0\.proj"):
        add_adapters(model(), LoraConfig(rank=2, targets=["proj"]), seed=0)
    assert len(add_adapters(model(), LoraConfig(rank=2, targets=["net.0.proj", "net.2"]), seed=0)) == 4
