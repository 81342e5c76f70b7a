"""The table of families: those that the configuration takes, each with a function that is there, loaded when asked for.

python -m pytest tests/training/families/test_registry.py
"""

import subprocess
import sys
from pathlib import Path

import pytest

from training.config import ModelSettings
from training.families.registry import opener_of
from training.settings.registry import FAMILIES


def test_the_configuration_takes_what_the_table_holds() -> None:
    for name in FAMILIES:
        assert ModelSettings(family=name).family == name
        assert f"`{name}`" in str(ModelSettings.model_fields["family"].description)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_names_a_function_that_is_there(name: str) -> None:
    assert opener_of(name).__name__ == f"open_{name}"


def test_a_transformer_is_opened_without_diffusers() -> None:
    program = (
        "import sys; from training.recipes import load_training; from training.families.registry import open_family;"
        "open_family(load_training(None, (), 'demo')); print([one for one in ('diffusers', 'transformers') if one in "
        "sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
