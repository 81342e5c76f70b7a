"""AdamW over the parameters that a stage trains, its learning rate as a function of the step, and clipping.

The learning rate is computed from the step, never accumulated, so a resumed run has the one it would have had. One
optimiser serves all stages: what a stage freezes has no gradient, is skipped, and keeps its moments.

    python -m pytest tests/training/loop/test_optimizer.py
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
    """AdamW over all parameters, in one pass over their memory; the learning rate is set at every step."""
    return torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        betas=config.betas,
        eps=config.epsilon,
        weight_decay=config.weight_decay,
        fused=True,
    )


def choose_trained(model: nn.Module, patterns: Sequence[str], trainable: Iterable[str]) -> int:
    """Let the parameters learn that are `trainable` at all and match a pattern (none: all); returns their weights.

    Raises `ConfigError` for a pattern that matches nothing: elsewhere such a run trains nothing and says nothing.
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
    """Part the optimiser's parameters into groups by their multiple of the learning rate; moments stay as they are.

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
    """The learning rate of a stage's step (from 0): linear warm-up, then the schedule over the stage's other steps."""
    peak = stage.learning_rate or config.learning_rate
    if step < config.warmup:
        return peak * (step + 1) / config.warmup
    if config.schedule == "constant":
        return peak
    progress = (step - config.warmup) / max(1, stage.steps - config.warmup)
    return peak * (config.floor + (1 - config.floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Give every group its multiple of a learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = value * group.get("multiple", 1.0)


def clip(model: nn.Module, largest: float) -> float:
    """Scale the gradient of the whole accumulated step to at most this norm; returns the norm that it had."""
    weights = [weight for weight in model.parameters() if weight.grad is not None]
    return float(whole(torch.nn.utils.clip_grad_norm_(weights, largest)))
