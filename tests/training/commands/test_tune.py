"""`just tune` from a film to edits, and again for other edits of what is learnt."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from schemas.errors import ConfigError, InputError
from tests.training.editing.image_model import save_film, save_image_model, save_pipeline
from training.commands import tune
from training.commands.arguments.tune import parse

FEW = ["--set", "stages.tune.steps=2", "--set", "sampling.steps=2", "--set", "loggers=[]"]


class Colours:
    name = "mean colour"

    def embed_frames(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(frames.mean(axis=(1, 2)), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        return None


def run(*arguments: object) -> int:
    return tune.main([str(argument) for argument in arguments], lambda weights: Colours())


def test_a_film_is_learnt_and_edited_and_then_edited_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(tune, "share_cores", lambda world, readers: None)  # tests share theirs
    video, model, out = save_film(tmp_path), save_image_model(tmp_path / "model"), tmp_path / "run"
    order = [video, "clouds drift", "--model", model, "--frames", 4, "--out", out, *FEW]
    assert run(*order, "--edit", "fire burns") == 0
    output = capsys.readouterr()
    assert "measured by mean colour, which has no text tower" in output.out
    assert "film.mp4: 32x32x4@24, 'clouds drift'" in output.err  # the image model's own size
    described = json.loads((out / "edits" / "edits.json").read_text())
    assert [entry["prompt"] for entry in described["films"]] == ["clouds drift", "clouds drift", "fire burns"]
    assert described["sampling"] == "DDIM, 2 steps, guidance 12.5, inverted without a prompt"
    before = (out / "tuned.safetensors").read_bytes()
    assert run(*order, "--edit", "snow", "--edit", "rain") == 0
    output = capsys.readouterr()
    assert "resuming after step 2 of 2" in output.err
    assert (out / "tuned.safetensors").read_bytes() == before
    assert (out / "edits" / "edit-2.mp4").exists()


def test_a_pipeline_brings_its_own_encoders_and_the_film_its_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "share_cores", lambda world, readers: None)
    video, model = save_film(tmp_path), save_pipeline(tmp_path / "model")
    assert run(video, "a cat", "--model", model, "--frames", 2, "--stride", 3, "--out", tmp_path / "run", *FEW) == 0
    output = capsys.readouterr().err
    assert "96x64x2@8" in output
    assert "codec AutoencoderKL per frame (scale 0.18215), text CLIP model (16 wide)" in output


def test_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    video, model = save_film(tmp_path), save_image_model(tmp_path / "model")
    with pytest.raises(InputError, match="describe what it shows in the second argument"):
        run(video, "--model", model, "--frames", 4)
    with pytest.raises(ConfigError, match="--size '64'; write WIDTHxHEIGHT"):
        run(video, "x", "--model", model, "--size", "64")
    with pytest.raises(ConfigError, match="name the folder of a Stable Diffusion model"):
        run(video, "x", "--model", tmp_path)


def test_the_caption_may_stand_behind_options(tmp_path: Path) -> None:
    model = dataset = str(tmp_path)
    options = parse([dataset, "--clip", "a-0-1", "a red circle", "--model", model, "--edit", "a blue one"])
    assert (options.video, options.clip, options.caption) == (dataset, "a-0-1", "a red circle")
    assert options.edit == ["a blue one"]
    assert parse(["video.mp4", "--model", model]).caption == ""
