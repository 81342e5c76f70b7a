"""Converts state dicts between diffusers' `LatteTransformer3DModel` and `Latte`: the same names, plus our gate.

diffusers adds the temporal positions to the tokens directly; here they are multiplied by a gate, which equals 1 there.

    model.load_state_dict(from_diffusers(state))
    state = to_diffusers(config, model.state_dict())
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from schemas.errors import ConfigError
from training.models.latte.config import LatteConfig

GATE = "temporal_position_gate"


def from_diffusers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights for `Latte.load_state_dict` from diffusers' state dict; the gate takes its dtype and device."""
    like = next(iter(state.values()))
    known = {name: weight for name, weight in state.items() if name != "caption_projection.y_embedding"}
    return {**known, GATE: torch.ones(1, dtype=like.dtype, device=like.device)}


def to_diffusers(config: LatteConfig, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights for diffusers' class. Raises `ConfigError` where its output with them would differ from ours."""
    config.to_diffusers()
    gate = float(state[GATE])
    if gate != 1:
        raise ConfigError(
            f"{GATE} = {gate:g}, and diffusers' LatteTransformer3DModel has no gate (equal to 1): keep cutroom's own "
            "format, or train from Latte's weights with the gate frozen"
        )
    return {name: weight for name, weight in state.items() if name != GATE}
