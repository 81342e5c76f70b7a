"""Tune-A-Video as a kind of model of the shared loop: opened by the configuration, one step taken, costs counted."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from pydantic import ValidationError

from schemas.errors import ConfigError
from tests.training.models.tune_a_video.unets import UNET, segment
from training.config import ModelSettings, TrainConfig
from training.families.registry import build_model, open_family
from training.models.tune_a_video.config import PRESETS
from training.models.tune_a_video.model import TuneAVideo
from training.models.tune_a_video.weights import TUNED
from training.recipes import load_training


def config(**model: object) -> TrainConfig:
    settings = ModelSettings.model_validate({"family": "tune_a_video", **model})
    return load_training(recipe="tune-a-video").model_copy(update={"model": settings})


def test_settings_of_earlier_runs_are_read_and_those_of_another_family_refused() -> None:
    assert config(group_norm="clip") == config(tune_a_video={"group_norm": "clip"})
    assert "group_norm" not in config(group_norm="clip").model.model_dump()
    with pytest.raises(ValidationError, match=r"model\.tune_a_video is set, but model.family = latte"):
        config(family="latte", tune_a_video={"group_norm": "clip"})
    with pytest.raises(ValidationError, match="did you mean 'tune_a_video'"):
        config(family="tune_a_vidio")


def test_the_recipe_is_the_published_one() -> None:
    recipe = load_training(recipe="tune-a-video")
    optimizer = recipe.optimizer
    assert (optimizer.learning_rate, optimizer.betas, optimizer.weight_decay) == (3e-5, (0.9, 0.999), 1e-2)
    assert (optimizer.clip, optimizer.schedule, recipe.stages[0].steps) == (1.0, "constant", 500)
    assert tuple(recipe.stages[0].trains) == TUNED


def test_a_preset_starts_from_scratch_and_a_folder_from_its_weights(tmp_path: Path) -> None:
    made = build_model(open_family(config()), config())
    assert isinstance(made, TuneAVideo)
    assert made.config.norm == "frame"
    torch.manual_seed(0)
    UNet2DConditionModel.from_config(UNET).save_pretrained(str(tmp_path / "unet"))
    opened = open_family(config(weights=str(tmp_path), tune_a_video={"group_norm": "clip"}, checkpoint_blocks=True))
    model = build_model(
        opened,
        config(weights=str(tmp_path), tune_a_video={"group_norm": "clip"}, checkpoint_blocks=True),
    )
    assert isinstance(model, TuneAVideo)
    assert (model.config.norm, model.checkpoint_blocks) == ("clip", True)
    assert model([segment(2)])[0].shape == (2, 4, 8, 12)
    with pytest.raises(ConfigError, match="did you mean 'debug'"):
        open_family(config(preset="debugg"))


def test_a_model_of_other_noise_levels_is_refused(tmp_path: Path) -> None:
    UNet2DConditionModel.from_config(UNET).save_pretrained(str(tmp_path / "unet"))
    (tmp_path / "scheduler").mkdir()
    file = tmp_path / "scheduler" / "scheduler_config.json"
    file.write_text(json.dumps({"beta_schedule": "scaled_linear", "prediction_type": "v_prediction"}))
    with pytest.raises(ConfigError, match="prediction_type = 'v_prediction', but"):
        open_family(config(weights=str(tmp_path)))


def test_the_smallest_clip_touches_every_weight_that_learns_and_costs_are_in_proportion() -> None:
    family = open_family(config()).family
    model = family.module()
    family.initialise(model, 0)
    model([family.smallest(torch.device("cpu"))])[0].sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert family.flops([10, 20]) == pytest.approx(2 * family.flops([15]))
    assert family.shallow().sizes.patch == family.sizes.patch
    assert len(family.blocks(model)) == 5
    with pytest.raises(ConfigError, match="diffusers has no class"):
        family.published({})


def test_operations_are_of_the_published_order_at_stable_diffusions_size() -> None:
    family = open_family(config(preset="sd-1.4")).family
    assert family.sizes == PRESETS["sd-1.4"]
    multiplied = family.flops([64]) / 3 / 2  # a frame of 512x512; torch counts 402e9 in the image model
    assert 380e9 < multiplied < 450e9
