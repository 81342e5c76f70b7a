"""Running out of memory is told with what would help; any other error stays what it is."""

import pytest
import torch

from schemas.errors import TrainingError
from training.config import StageConfig
from training.doctor.memory import advise, memory_errors
from training.models.cogvideox.config import PRESETS
from training.recipes import load_training

STAGE = StageConfig(name="480", steps=1, pack_length=75_000)
CONFIG = load_training(recipe="cogvideox-5b", changes=["model.checkpoint_blocks=false"])


def test_a_real_failed_allocation_becomes_advice() -> None:
    with (
        pytest.raises(TrainingError, match=r"stages\.480\.pack_length=60000 saves about"),
        memory_errors(CONFIG, STAGE, PRESETS["5b"], 8),
    ):
        torch.empty(10**15)


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied"), memory_errors(CONFIG, STAGE, PRESETS["5b"], 1):
        torch.ones(2, 3) @ torch.ones(2, 3)


def test_only_what_is_not_done_yet_is_advised() -> None:
    text = advise(CONFIG, STAGE, PRESETS["5b"], 8)
    assert "checkpoint_blocks=true" in text
    assert "bfloat16" not in text
    done = load_training(recipe="cogvideox-5b")
    assert "checkpoint_blocks" not in advise(done, STAGE, PRESETS["5b"], 8)
