"""Checks that a state dict fits a model: names in both directions, and shapes.

check_fit(lambda: CogVideoX(config), state, "models/CogVideoX-2b")
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from schemas.errors import ConfigError
from schemas.nearest import closest

_LISTED = 4


def check_fit(module: Callable[[], nn.Module], state: Mapping[str, Tensor], source: str) -> None:
    """Raise `ConfigError` for names that are unknown or missing and for shapes that differ, naming them.

    `module` builds the model; it is called on the meta device. `source` names the weights in the message.
    """
    with torch.device("meta"):
        expected = {name: tuple(weight.shape) for name, weight in module().state_dict().items()}
    unknown = [_with_nearest(name, expected) for name in state if name not in expected]
    missing = [name for name in expected if name not in state]
    shapes = [
        f"{name} is {list(state[name].shape)}, not {list(shape)}"
        for name, shape in expected.items()
        if name in state and tuple(state[name].shape) != shape
    ]
    groups = [("unknown", unknown), ("missing", missing), ("of another shape", shapes)]
    problems = [f"{problem}: {listed(names)}" for problem, names in groups if names]
    if problems:
        raise ConfigError(f"{source} is not the model its configuration describes; {'; '.join(problems)}")


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _with_nearest(name: str, expected: Mapping[str, object]) -> str:
    nearest = closest(name, list(expected)) if len(expected) < 2000 else None
    return f"{name} (nearest: {nearest})" if nearest else name
