"""A described configuration loads back to itself, and says of every setting what it means.

python -m pytest tests/schemas/test_describe.py
"""

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from schemas.config import RunConfig
from schemas.describe import describe_config
from schemas.load import load_config
from schemas.profiles import PROFILES
from training.recipes import RECIPES, load_training


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_profile_is_read_back(profile: str, tmp_path: Path) -> None:
    config = load_config(None, ['select.rules=["motion >= 1", "aesthetic in top 20%"]'], profile)
    (tmp_path / "run.yaml").write_text(describe_config(config))
    assert load_config(tmp_path / "run.yaml") == config


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_recipe_is_read_back(recipe: str, tmp_path: Path) -> None:
    config = load_training(None, ["seed=7"], recipe)
    (tmp_path / "run.yaml").write_text(describe_config(config))
    assert load_training(tmp_path / "run.yaml") == config


def _described(kind: type[BaseModel]) -> list[str]:
    descriptions = [field.description for field in kind.model_fields.values() if field.description]
    inner = [field.annotation for field in kind.model_fields.values()]
    return descriptions + [
        text
        for candidate in inner
        if isinstance(candidate, type) and issubclass(candidate, BaseModel)
        for text in _described(candidate)
    ]


def test_every_word_about_a_setting_is_there() -> None:
    config = load_config()
    comments = " ".join(
        line.strip(" #") for line in describe_config(config).splitlines() if line.strip().startswith("#")
    )
    words = _described(RunConfig)
    assert len(words) > 50
    assert [text for text in words if " ".join(text.split()) not in comments] == []


def test_bounds_choices_and_sections_are_told() -> None:
    text = describe_config(load_config())
    assert "(one of embedded, gpu, cluster)" in text
    assert "(>= 0, < 1)" in " ".join(line.strip(" #") for line in text.splitlines())  # it may be wrapped
    assert "# How videos become clips.\nsplit:\n" in text
    stages = describe_config(load_training(None, (), "demo"))
    assert stages.count("# Optimiser steps.") == 1
    assert [stage["name"] for stage in yaml.safe_load(stages)["stages"]] == ["64", "128"]
