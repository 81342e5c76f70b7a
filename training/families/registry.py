"""Opens the model family that a configuration names, and builds the model with its initial weights.

opened = open_family(config)
model = build_model(opened, config)
"""

import importlib
from collections.abc import Callable

import torch
from torch import nn

from training.config import TrainConfig
from training.families.base import Opened
from training.settings.registry import FAMILIES


def open_family(config: TrainConfig) -> Opened:
    """The family at the configured size, and its weights if there are any.

    Raises `ConfigError` for an unknown preset, and for weights that are missing or do not fit.
    """
    return opener_of(config.model.family)(config)


def opener_of(name: str) -> Callable[[TrainConfig], Opened]:
    """The function that opens models of the family `name`."""
    module, function = FAMILIES[name].split(":")
    opener: Callable[[TrainConfig], Opened] = getattr(importlib.import_module(module), function)
    return opener


def build_model(opened: Opened, config: TrainConfig) -> nn.Module:
    """The model with its initial weights, on the CPU, in float32."""
    model = opened.family.module()
    if opened.weights is None:
        opened.family.initialise(model, config.seed)
    else:
        model.load_state_dict(opened.weights)
    model.checkpoint_blocks = config.model.checkpoint_blocks  # type: ignore[assignment]
    return model.to(torch.float32)
