"""Weights go to diffusers and back, and not where they would mean something else."""

from dataclasses import replace

import pytest
import torch
from diffusers import LatteTransformer3DModel

from schemas.errors import ConfigError
from tests.training.models.latte.made import FORMS, SMALL, latte
from training.models.latte.model import Latte
from training.models.latte.weights import GATE, from_diffusers, to_diffusers


def test_state_dicts_fit_both_ways() -> None:
    theirs = LatteTransformer3DModel(**SMALL.to_diffusers())
    state = from_diffusers(theirs.state_dict())
    Latte(SMALL).load_state_dict(state)
    assert state[GATE] == 1
    back = to_diffusers(SMALL, state)
    theirs.load_state_dict(back)
    assert set(back) == set(theirs.state_dict())


def test_what_diffusers_would_compute_otherwise_is_not_written() -> None:
    state = latte(SMALL).state_dict()
    with pytest.raises(ConfigError, match=r"temporal_position_gate = 0\.5.*keep cutroom's own"):
        to_diffusers(SMALL, {**state, GATE: torch.tensor([0.5])})
    with pytest.raises(ConfigError, match="variant = 2"):
        to_diffusers(FORMS["variant 2"], state)
    with pytest.raises(ConfigError, match="tells_rate = True"):
        to_diffusers(replace(SMALL, tells_rate=True), state)
