"""The moving average: its formula, its swap in and out, and none at a decay of 0."""

import torch

from training.loop.ema import MovingAverage


def test_the_average_follows_its_formula() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.0)
    average, expected = MovingAverage(model, 0.5), 0.0
    for step in range(30):
        model.weight.data.fill_(float(step))
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert abs(average.weights["weight"].item() - expected) < 1e-5


def test_the_averaged_weights_stand_in_the_model_only_inside_the_block() -> None:
    model = torch.nn.Linear(2, 2)
    average = MovingAverage(model, 0.9)
    first = model.weight.detach().clone()
    model.weight.data.add_(1.0)
    with average.in_place():
        assert torch.equal(model.weight, first)
    assert torch.equal(model.weight, first + 1.0)


def test_without_decay_nothing_is_kept() -> None:
    model = torch.nn.Linear(2, 2)
    average = MovingAverage(model, 0.0)
    average.update(3)
    assert average.weights == {}
    before = model.weight.detach().clone()
    with average.in_place():
        assert torch.equal(model.weight, before)
