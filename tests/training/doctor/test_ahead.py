"""What a recipe needs and is not there is told before a network is opened, also by `--show-config`.

python -m pytest tests/training/doctor/test_ahead.py
"""

from pathlib import Path

import pytest
import torch

from schemas.errors import ConfigError, DatasetError, RuleError
from tests.training.data.made_dataset import make_dataset
from training.commands import doctor, train
from training.doctor.ahead import check_ahead
from training.doctor.run import Resources
from training.loop import prepare
from training.parallel import World
from training.recipes import RECIPES, load_training


def complaints(*changes: str, recipe: str = "demo") -> list[str]:
    with pytest.raises(ConfigError) as refused:
        check_ahead(load_training(changes=changes, recipe=recipe))
    return str(refused.value).splitlines()


@pytest.mark.parametrize("recipe", ["demo", "latte-demo"])
def test_a_packaged_recipe_lacks_nothing(recipe: str) -> None:
    check_ahead(RECIPES[recipe]())


def test_everything_that_a_recipe_lacks_is_listed_at_once() -> None:
    codec, text, weights = complaints(recipe="cogvideox-5b-lora")
    assert codec.startswith("encoders.codec_weights is empty: cogvideox needs the folder of its VAE")
    assert text.startswith("encoders.text_weights is empty: t5 needs the folder of its encoder")
    assert weights.startswith("model.lora.rank = 128, but model.weights is empty")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("model.weights=models/nope", "model.weights = 'models/nope' is not in /"),
        ("encoders.codec_weights=vae", "but linear is packaged with its own"),
        ("loggers=[tensorbord]", "did you mean 'tensorboard'?"),
    ],
)
def test_one_wrong_word_is_named(change: str, words: str) -> None:
    (line,) = complaints(change)
    assert words in line


def test_a_folder_that_is_there_and_a_name_on_the_hub_are_left_to_who_opens_them(tmp_path: Path) -> None:
    changes = [f"encoders.codec_weights={tmp_path}", "encoders.codec=cogvideox"]
    check_ahead(load_training(changes=[*changes, "encoders.text=t5", "encoders.text_weights=google/t5-v1_1-xxl"]))


def test_the_configuration_is_printed_and_then_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=r"encoders\.codec_weights is empty"):
        train.main(["nope", "--recipe", "cogvideox-2b", "--show-config"])
    assert "recipe: cogvideox-2b\n" in capsys.readouterr().out
    dataset = str(tmp_path / "set")
    make_dataset(dataset, {"64x48x9@8": 12})
    with pytest.raises(RuleError, match="no column 'aesthetics'"):
        train.main([dataset, "--set", 'stages.64.rules=["aesthetics >= 4"]', "--show-config"])
    with pytest.raises(SystemExit) as left:
        train.main(["nope", "--show-config"])
    assert left.value.code == 0
    assert "there is no dataset nope and no datasets/nope" in capsys.readouterr().err
    with pytest.raises(DatasetError, match="there is no dataset nope and no datasets/nope"):
        train.main(["nope"])


def test_the_doctor_lists_it_as_errors_before_it_opens_anything() -> None:
    findings = doctor.examine(load_training(recipe="cogvideox-2b"), "nowhere")
    assert {finding.level for finding in findings} == {"error"}
    assert any("encoders.text_weights is empty" in finding.text for finding in findings)


def test_a_model_that_does_not_fit_is_refused_before_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*given: object) -> None:
        raise AssertionError("the model was built")

    monkeypatch.setattr(prepare, "build_model", build)
    monkeypatch.setattr(Resources, "here", lambda folder: Resources(memory=1e9, disk=1e12))
    config = load_training(recipe="cogvideox-5b-lora")
    with pytest.raises(ConfigError, match=r"stage 480 needs about .* GB, 0\.9 GB are available"):
        prepare.prepare(config, "nowhere", tmp_path, World(0, 1, torch.device("cpu")))


def test_a_setting_of_a_stage_is_named_with_the_stage() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'stages\.64\.stepz'; did you mean 'stages\.64\.steps'\?"):
        load_training(changes=["stages.64.stepz=3"])
    with pytest.raises(ConfigError, match=r"stages\.64\.steps = 0: must be at least 1"):
        load_training(changes=["stages.64.steps=0"])
    with pytest.raises(ConfigError, match=r"unknown setting 'stages\.65'; did you mean 'stages\.64'\?"):
        load_training(changes=["stages.65.steps=3"])
