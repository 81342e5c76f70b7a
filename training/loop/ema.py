"""An exponential moving average (EMA) of the weights, which is used for validation, sampling and export.

Each process averages its own shard of the weights, so nothing is gathered.

    average = MovingAverage(model, decay=0.9999)
    average.update(step)
    with average.in_place():
        validate(...)
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from training.parallel import reshard


class MovingAverage:
    """Moving averages of a model's parameters. With a decay of 0 there are none, and `in_place` changes nothing."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self.weights: dict[str, Tensor] = (
            {name: weight.detach().clone() for name, weight in model.named_parameters()} if decay else {}
        )

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update the averages after optimiser step `step` (from 0).

        The decay is at most (1 + step) / (10 + step), as in TensorFlow's moving averages, so that a short run's average
        is not dominated by the initial weights.
        """
        if not self.weights:
            return
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, weight in self._model.named_parameters():
            self.weights[name].lerp_(weight.detach(), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the averaged weights into the model inside the `with` block."""
        if not self.weights:
            yield
            reshard(self._model)
            return
        kept = {name: weight.detach().clone() for name, weight in self._model.named_parameters()}
        self._put(self.weights)
        try:
            yield
        finally:
            reshard(self._model)
            self._put(kept)

    @torch.no_grad()
    def _put(self, weights: dict[str, Tensor]) -> None:
        for name, weight in self._model.named_parameters():
            weight.copy_(weights[name])
