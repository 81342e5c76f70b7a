"""Estimates against what PyTorch really keeps."""

import pytest
import torch

from training.config import EmaConfig, LoraConfig, ModelSettings, StageConfig, TrainConfig
from training.doctor.cost import estimate_memory
from training.models.cogvideox.config import PRESETS
from training.models.cogvideox.model import CogVideoX
from training.models.segment import Segment

STAGE = StageConfig(name="a", steps=1, pack_length=1000)
DEBUG = PRESETS["debug"]


@pytest.mark.parametrize("recomputed", [False, True])
def test_activations_are_about_what_is_kept_for_the_backward_pass(recomputed: bool) -> None:
    torch.set_num_threads(1)
    model = CogVideoX(DEBUG)
    model.checkpoint_blocks = recomputed
    segments = [Segment(torch.randn(5, 16, 16, 16), torch.randn(80, 384), 500) for _ in range(2)]
    weights = {parameter.data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        predictions = model(segments)
    measured, tokens = sum(kept.values()), 2 * (80 + 5 * 64)
    config = TrainConfig(stages=[STAGE], model=ModelSettings(checkpoint_blocks=recomputed))
    estimated = estimate_memory(config, DEBUG, tokens).activations
    assert len(predictions) == 2
    if recomputed:  # the block that is recomputed comes on top
        measured += 30 * 4 * DEBUG.width * tokens
    assert 0.7 < estimated / measured < 1.4


def test_weights_are_counted_as_they_are_and_shared_out() -> None:
    parameters = sum(parameter.numel() for parameter in CogVideoX(DEBUG).parameters())
    config = TrainConfig(stages=[STAGE], ema=EmaConfig(decay=0.9))
    memory = estimate_memory(config, DEBUG, 0)
    assert memory.weights == 4 * parameters
    assert memory.total == 20 * parameters
    assert estimate_memory(config, DEBUG, 0, shards=4).total == 5 * parameters


def test_adapters_need_moments_for_themselves_alone() -> None:
    full = estimate_memory(TrainConfig(stages=[STAGE]), PRESETS["5b"], 0)
    lora = estimate_memory(
        TrainConfig(stages=[STAGE], model=ModelSettings(lora=LoraConfig(rank=128))), PRESETS["5b"], 0
    )
    assert lora.moments < 0.05 * full.moments
    assert lora.weights == full.weights
