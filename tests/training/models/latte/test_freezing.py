"""Each step's globs match parameters, contain the step before, and split temporal from spatial."""

from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache

import pytest
import torch

from tests.training.models.latte.made import FORMS, SMALL
from training.models.latte.config import PRESETS, LatteConfig
from training.models.latte.freezing import unfreezing
from training.models.latte.model import Latte


@lru_cache
def names(config: LatteConfig) -> tuple[str, ...]:
    with torch.device("meta"):
        return tuple(name for name, _ in Latte(config).named_parameters())


def matched(config: LatteConfig, globs: tuple[str, ...]) -> set[str]:
    return {name for name in names(config) if any(fnmatchcase(name, glob) for glob in globs)}


@pytest.mark.parametrize("name", FORMS)
def test_every_glob_matches_and_every_step_contains_the_one_before(name: str) -> None:
    config = FORMS[name]
    before: set[str] = set()
    for globs in unfreezing(config).values():
        assert all(matched(config, (glob,)) for glob in globs)
        now = matched(config, globs)
        assert before < now
        before = now
    assert before == set(names(config))


def test_what_each_step_trains() -> None:
    config = PRESETS["latte-1"]
    steps = unfreezing(config)
    temporal = matched(config, steps["temporal"])
    assert temporal == {name for name in names(config) if name.startswith("temporal_")}
    captions = matched(config, steps["captions"]) - temporal
    assert all(".attn2." in name for name in captions)
    assert len(captions) == 28 * 8
    upper = {name.split(".")[1] for name in matched(config, steps["upper"]) - temporal - captions}
    assert upper == {str(place) for place in range(14, 28)}
    assert "transformer_blocks.27.*" in unfreezing(config, upper=0.1)["upper"]
    assert "transformer_blocks.24.*" not in unfreezing(config, upper=0.1)["upper"]
    assert "text_adapter.*" in unfreezing(replace(SMALL, caption_width=10))["temporal"]
