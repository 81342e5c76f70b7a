"""State dicts of diffusers' `LatteTransformer3DModel` to ours and back: the same names, and our gate.

diffusers adds the temporal positions to the tokens as they are; here a gate stands before them, which is 1 there.

    python -m pytest tests/training/models/latte/test_weights.py
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from schemas.errors import ConfigError
from training.models.latte.config import LatteConfig

GATE = "temporal_position_gate"


def from_diffusers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights for `Latte.load_state_dict` out of a checkpoint of diffusers' class."""
    like = next(iter(state.values()))
    known = {name: weight for name, weight in state.items() if name != "caption_projection.y_embedding"}
    return {**known, GATE: torch.ones(1, dtype=like.dtype, device=like.device)}


def to_diffusers(config: LatteConfig, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights for diffusers' class. Raises `ConfigError` where it would compute something else with them."""
    config.to_diffusers()
    gate = float(state[GATE])
    if gate != 1:
        raise ConfigError(
            f"{GATE} = {gate:g}, and diffusers' LatteTransformer3DModel has none (that is 1): keep cutroom's own "
            "format, or train from Latte's weights with the gate frozen"
        )
    return {name: weight for name, weight in state.items() if name != GATE}
