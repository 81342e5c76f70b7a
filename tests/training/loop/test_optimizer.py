"""The learning rate is a function of the step, and clipping sees the whole accumulated gradient."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import ConfigError
from training.config import OptimizerConfig, StageConfig
from training.loop.optimizer import choose_trained, clip, group_rates, learning_rate, make_optimizer, set_learning_rate

STAGE = StageConfig(name="one", steps=100, pack_length=10)


def test_warm_up_then_cosine_down_to_the_floor() -> None:
    config = OptimizerConfig(learning_rate=1.0, warmup=10, floor=0.1)
    rates = [learning_rate(config, STAGE, step) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.55)
    assert rates[99] == pytest.approx(0.1, abs=1e-3)


@given(st.integers(0, 99), st.floats(1e-6, 1), st.integers(0, 50))
def test_the_rate_is_never_above_its_peak_nor_zero(step: int, peak: float, warmup: int) -> None:
    rate = learning_rate(OptimizerConfig(learning_rate=peak, warmup=warmup), STAGE, step)
    assert 0 < rate <= peak


def test_a_stage_has_its_own_rate() -> None:
    stage = STAGE.model_copy(update={"learning_rate": 0.5})
    assert learning_rate(OptimizerConfig(schedule="constant"), stage, 50) == 0.5


def test_the_norm_is_that_of_all_packs_together() -> None:
    model = torch.nn.Linear(2, 1, bias=False)
    for value in (3.0, 4.0):  # two packs accumulate: [3, 4]
        gradient = torch.tensor([[value, 0.0]]) if value == 3.0 else torch.tensor([[0.0, value]])
        (model.weight * gradient).sum().backward()  # type: ignore[no-untyped-call]
    assert clip(model, 1.0) == pytest.approx(5.0)
    assert model.weight.grad is not None
    assert model.weight.grad.norm().item() == pytest.approx(1.0)


def test_patterns_choose_among_what_may_learn() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    assert choose_trained(model, ["1.*"], ["0.weight", "1.weight"]) == 3
    assert [parameter.requires_grad for parameter in model.parameters()] == [False, False, True, False]
    assert choose_trained(model, [], ["0.weight", "0.bias", "1.weight", "1.bias"]) == 13
    with pytest.raises(ConfigError, match=r"'attn_temp' matches no parameter"):
        choose_trained(model, ["attn_temp"], ["0.weight"])


def test_groups_learn_at_their_own_multiple_and_keep_their_moments() -> None:
    torch.manual_seed(0)
    first, last = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
    model = torch.nn.Sequential(first, last)
    optimizer = make_optimizer(model, OptimizerConfig(weight_decay=0))

    def step() -> list[float]:
        before = [parameter.detach().clone() for parameter in model.parameters()]
        optimizer.zero_grad()
        model(torch.ones(1, 2)).sum().backward()
        set_learning_rate(optimizer, 1e-3)
        optimizer.step()
        return [float((new.detach() - old).abs().max()) for new, old in zip(model.parameters(), before, strict=True)]

    assert step() == pytest.approx([1e-3] * 4, rel=1e-3)
    moment = optimizer.state[first.weight]["exp_avg"]
    group_rates(model, optimizer, {"0.bias": 10.0, "0.*": 0.5})
    assert optimizer.state[first.weight]["exp_avg"] is moment
    assert step() == pytest.approx([5e-4, 1e-2, 1e-3, 1e-3], rel=0.05)
    group_rates(model, optimizer, {})
    assert step() == pytest.approx([1e-3] * 4, rel=0.05)
    with pytest.raises(ConfigError, match=r"rates: 'attn_temp' matches no parameter"):
        group_rates(model, optimizer, {"attn_temp": 2.0})
