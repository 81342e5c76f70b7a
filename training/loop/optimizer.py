"""AdamW over the parameters that a stage trains, its learning rate as a function of the step, and gradient clipping.

The learning rate is computed from the step, not accumulated, so a resumed run continues with the same one. One
optimiser serves all stages: a parameter that a stage freezes has no gradient, is skipped, and keeps its moments.

    optimizer = make_optimizer(model, config.optimizer)
    choose_trained(model, stage.trains, trainable)
    set_learning_rate(optimizer, learning_rate(config.optimizer, stage, step))
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn

from schemas.errors import ConfigError
from schemas.nearest import did_you_mean
from training.config import OptimizerConfig, StageConfig
from training.parallel import whole


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """Fused AdamW over all parameters; the learning rate is set at every step."""
    return torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        betas=config.betas,
        eps=config.epsilon,
        weight_decay=config.weight_decay,
        fused=True,
    )


def choose_trained(model: nn.Module, patterns: Sequence[str], trainable: Iterable[str]) -> int:
    """Enable gradients for the `trainable` parameters that match a pattern (no patterns: all); returns their count.

    Raises `ConfigError` for a pattern that matches nothing; in other trainers such a run silently trains nothing.
    """
    allowed = set(trainable)
    _require_matches("trains", patterns, [name for name, _ in model.named_parameters() if name in allowed])
    count = 0
    for name, weight in model.named_parameters():
        learns = name in allowed and (not patterns or any(fnmatchcase(name, pattern) for pattern in patterns))
        weight.requires_grad_(learns)
        count += weight.numel() if learns else 0
    return count


def group_rates(model: nn.Module, optimizer: torch.optim.Optimizer, rates: Mapping[str, float]) -> None:
    """Group the optimiser's parameters by their multiple of the learning rate; moments stay as they are.

    Raises `ConfigError` for a pattern that matches nothing.
    """
    names = [name for name, _ in model.named_parameters()]
    _require_matches("rates", rates, names)
    groups: dict[float, list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        multiple = next((value for pattern, value in rates.items() if fnmatchcase(name, pattern)), 1.0)
        groups.setdefault(multiple, []).append(weight)
    settings = {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}
    optimizer.param_groups[:] = [
        {**settings, "params": weights, "multiple": multiple} for multiple, weights in groups.items()
    ]


def _require_matches(setting: str, patterns: Iterable[str], names: Sequence[str]) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigError(f"{setting}: {pattern!r} matches no parameter; {did_you_mean(pattern, names[:200])}")


def learning_rate(config: OptimizerConfig, stage: StageConfig, step: int) -> float:
    """The learning rate of a stage's step (from 0): linear warm-up, then the schedule over the remaining steps."""
    peak = stage.learning_rate or config.learning_rate
    if step < config.warmup:
        return peak * (step + 1) / config.warmup
    if config.schedule == "constant":
        return peak
    progress = (step - config.warmup) / max(1, stage.steps - config.warmup)
    return peak * (config.floor + (1 - config.floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Set every group's learning rate to its multiple of `value`."""
    for group in optimizer.param_groups:
        group["lr"] = value * group.get("multiple", 1.0)


def clip(model: nn.Module, largest: float) -> float:
    """Scale the accumulated gradient to a norm of at most `largest`; returns the norm before scaling."""
    weights = [weight for weight in model.parameters() if weight.grad is not None]
    return float(whole(torch.nn.utils.clip_grad_norm_(weights, largest)))
