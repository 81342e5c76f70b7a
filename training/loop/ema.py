"""A moving average of the weights: steadier than the weights themselves, so it is what is validated and exported.

Each process averages its own shard, so nothing is gathered and a process holds no more than its part.

    python -m pytest tests/training/loop/test_ema.py
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from training.parallel import reshard


class MovingAverage:
    """Averages of a model's parameters; a decay of 0 keeps none and swaps nothing."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self.weights: dict[str, Tensor] = (
            {name: weight.detach().clone() for name, weight in model.named_parameters()} if decay else {}
        )

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after optimiser step `step` (from 0). At first the average forgets faster.

        The decay grows as (1 + step) / (10 + step), as TensorFlow's averages do, so that a short run's average is not
        made of the weights that it began with.
        """
        if not self.weights:
            return
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, weight in self._model.named_parameters():
            self.weights[name].lerp_(weight.detach(), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model with the averaged weights, for as long as the block lasts."""
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
