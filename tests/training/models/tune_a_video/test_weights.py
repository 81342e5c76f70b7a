"""Weights in and out: an image model's folder, what was tuned, and what does not fit."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from schemas.errors import ConfigError
from tests.training.models.tune_a_video.unets import UNET, make_model, see_images, segment, wake
from training.models.tune_a_video.config import TuneAVideoConfig
from training.models.tune_a_video.model import TuneAVideo
from training.models.tune_a_video.weights import (
    first_weights,
    load_tuned,
    read_settings,
    save_tuned,
    start,
    unet_folder,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(4)
    pipeline = tmp_path_factory.mktemp("pipeline")
    UNet2DConditionModel.from_config(UNET).save_pretrained(str(pipeline / "unet"))
    return pipeline


@torch.no_grad()
def test_a_folder_of_diffusers_becomes_a_model_that_sees_as_it_does(folder: Path) -> None:
    unet = unet_folder(str(folder))
    assert unet == unet_folder(str(folder / "unet")) == folder / "unet"
    model = TuneAVideo(TuneAVideoConfig(read_settings(unet), text_length=5))
    state = first_weights(model, unet, seed=1)
    model.load_state_dict(state)
    image = UNet2DConditionModel.from_pretrained(str(unet))
    image_segment = segment(1)
    assert (model([image_segment])[0] - see_images(image, image_segment)).abs().max() < 1e-5
    again = first_weights(TuneAVideo(model.config), unet, seed=1)
    assert all(torch.equal(state[name], again[name]) for name in state)
    name = next(name for name in state if name.endswith("attn_temp.to_q.weight"))
    assert not torch.equal(state[name], first_weights(TuneAVideo(model.config), unet, seed=2)[name])


def test_settings_that_a_file_leaves_out_are_diffusers_defaults(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "UNet2DConditionModel", "in_channels": 9}))
    settings = read_settings(unet_folder(str(tmp_path)))
    assert (settings["in_channels"], settings["block_out_channels"]) == (9, (320, 640, 1280, 1280))


def test_what_is_no_unet_or_does_not_fit_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name the folder of a Stable Diffusion model"):
        unet_folder(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "UNet3DConditionModel"}))
    with pytest.raises(ConfigError, match="holds a UNet3DConditionModel"):
        unet_folder(str(tmp_path))
    wider = TuneAVideo(TuneAVideoConfig({**UNET, "block_out_channels": (8, 32)}))
    with pytest.raises(ConfigError, match="the first is unet"):
        first_weights(wider, folder / "unet", 0)


@torch.no_grad()
def test_tuned_weights_are_few_and_bring_the_tuned_model_back(tmp_path: Path) -> None:
    model, _ = make_model()
    wake(model)
    save_tuned(model, tmp_path / "tuned.safetensors", {"caption": "a cat"})
    names = load_file(tmp_path / "tuned.safetensors").keys()
    assert len(names) == 4 * 7
    assert "mid_block.attentions.0.transformer_blocks.0.attn_temp.to_out.0.bias" in names  # as published
    with safe_open(tmp_path / "tuned.safetensors", "pt") as file:
        assert json.loads(file.metadata()["cutroom"]) == {"caption": "a cat", "norm": "frame"}
    other, _ = make_model()
    clip = segment(3)
    assert not torch.allclose(other([clip])[0], model([clip])[0], atol=1e-4)
    load_tuned(other, tmp_path / "tuned.safetensors")
    assert torch.equal(other([clip])[0], model([clip])[0])


def test_tuned_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    model, _ = make_model()
    save_tuned(model, tmp_path / "tuned.safetensors", {})
    deeper = TuneAVideo(TuneAVideoConfig({**UNET, "layers_per_block": 2}))
    with pytest.raises(ConfigError, match="another UNet"):
        load_tuned(deeper, tmp_path / "tuned.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ConfigError, match="another UNet"):
        load_tuned(model, tmp_path / "x.safetensors")
    (tmp_path / "x.safetensors").write_bytes(b"no")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_tuned(model, tmp_path / "x.safetensors")


def test_training_from_scratch_starts_from_the_seed_and_adds_nothing_over_time() -> None:
    models = [TuneAVideo(TuneAVideoConfig(UNET)) for _ in range(2)]
    for model in models:
        start(model, 5)
    first, second = (model.state_dict() for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not any(weight.any() for name, weight in first.items() if "attn_temp.to_out" in name)
