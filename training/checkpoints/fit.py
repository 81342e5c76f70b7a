"""Whether weights are those of a model: names and shapes, each way, with the first that differ in the message.

python -m pytest tests/training/models/cogvideox/test_load.py
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from schemas.errors import ConfigError
from schemas.nearest import closest

_SHOWN = 4


def check_fit(module: Callable[[], nn.Module], state: Mapping[str, Tensor], source: str) -> None:
    """Raises `ConfigError` for names that are unknown or missing and for shapes that differ, naming them.

    `module` makes the model; it is called where nothing is allocated.
    """
    with torch.device("meta"):
        wanted = {name: tuple(weight.shape) for name, weight in module().state_dict().items()}
    unknown = [_with_nearest(name, wanted) for name in state if name not in wanted]
    missing = [name for name in wanted if name not in state]
    shapes = [
        f"{name} is {list(state[name].shape)}, not {list(shape)}"
        for name, shape in wanted.items()
        if name in state and tuple(state[name].shape) != shape
    ]
    found = [("unknown", unknown), ("missing", missing), ("of another shape", shapes)]
    complaints = [f"{what}: {listed(names)}" for what, names in found if names]
    if complaints:
        raise ConfigError(f"{source} is not the model its configuration describes; {'; '.join(complaints)}")


def listed(names: Sequence[str]) -> str:
    """The first few of many names."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _with_nearest(name: str, wanted: Mapping[str, object]) -> str:
    near = closest(name, list(wanted)) if len(wanted) < 2000 else None
    return f"{name} (nearest: {near})" if near else name
