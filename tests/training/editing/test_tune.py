"""One video learnt on the shared loop: what changes, what does not, and that a stop costs nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from schemas.errors import ConfigError
from tests.training.editing.image_model import save_film, save_image_model
from training.config import TrainConfig
from training.editing.source_clip import ClipSpec, SourceClip, read_video
from training.editing.tune import Tuning, prepare_tuning
from training.loop.report import Journal, StepReport
from training.models.tune_a_video.weights import load_tuned
from training.parallel import World
from training.recipes import load_training

ALONE = World(0, 1, torch.device("cpu"))
CAPTION = "clouds drift"


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_image_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> SourceClip:
    video = save_film(tmp_path_factory.mktemp("film"))
    return read_video(str(video), ClipSpec(width=32, height=32, frames=4, stride=2))


def configure(folder: Path, *changes: str) -> TrainConfig:
    small = ["optimizer.learning_rate=1e-3", "stages.tune.steps=6", "checkpoint.every=2", "validation.every=3",
             "sampling.steps=4", "loggers=[]", "checkpoint.asynchronous=false"]  # fmt: skip
    return load_training(None, [f"model.weights={folder}", *small, *changes], "tune-a-video")


def learn(tuning: Tuning, stop: int | None = None) -> None:
    def show(report: StepReport) -> None:
        if report.step + 1 == stop:
            raise KeyboardInterrupt

    tuning.run.resume()
    tuning.run.train(show, lambda stage: None)


@pytest.fixture(scope="module")
def learnt(model_folder: Path, clip: SourceClip, tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    tuning = prepare_tuning(configure(model_folder), clip, CAPTION, tmp_path_factory.mktemp("run"), ALONE)
    learn(tuning)
    tuning.save()
    return tuning


def test_only_queries_and_attention_over_time_are_learnt(learnt: Tuning, model_folder: Path) -> None:
    image = load_file(model_folder / "unet" / "diffusion_pytorch_model.safetensors")
    now = learnt.model.unet.state_dict()
    changed = {name for name, weight in image.items() if not torch.equal(weight, now[name])}
    assert changed == {name for name in image if name.endswith(("attn1.to_q.weight", "attn2.to_q.weight"))}
    assert all(now[name].any() for name in now if "attn_temp.to_out" in name)


def test_the_clip_is_its_own_validation_with_noise_that_never_changes(learnt: Tuning) -> None:
    lines: list[dict[str, Any]] = list(Journal(learnt.folder.path / "validation.jsonl").read())
    assert [line["step"] for line in lines] == [3, 6]
    assert lines[1]["loss"] < lines[0]["loss"]
    assert {cell[0] for cell in lines[0]["cells"]} == {"32x32x4@12"}


def test_a_stopped_run_ends_where_an_uninterrupted_one_does(
    learnt: Tuning, model_folder: Path, clip: SourceClip, tmp_path: Path
) -> None:
    first = prepare_tuning(configure(model_folder), clip, CAPTION, tmp_path, ALONE)
    with pytest.raises(KeyboardInterrupt):
        learn(first, stop=3)
    again = prepare_tuning(configure(model_folder), clip, CAPTION, tmp_path, ALONE)
    assert again.run.resume() == 2
    learn(again)
    for name, weight in learnt.model.state_dict().items():
        assert torch.equal(weight, again.model.state_dict()[name]), name
    assert again.run.state.step == 6


def test_tuned_weights_alone_bring_the_edits_back(
    learnt: Tuning, model_folder: Path, clip: SourceClip, tmp_path: Path
) -> None:
    reconstruction, edit = learnt.edit([CAPTION, "fire burns"])
    assert reconstruction.shape == edit.shape == (4, 32, 32, 3)
    assert (reconstruction != edit).any()
    fresh = prepare_tuning(configure(model_folder), clip, CAPTION, tmp_path, ALONE)
    assert (next(fresh.edit([CAPTION])) != reconstruction).any()
    load_tuned(fresh.model, learnt.folder.path / "tuned.safetensors")
    assert (next(fresh.edit([CAPTION])) == reconstruction).all()


def test_a_run_of_another_clip_or_caption_is_refused(learnt: Tuning, model_folder: Path, clip: SourceClip) -> None:
    with pytest.raises(ConfigError, match="caption: clouds drift before, rain now"):
        prepare_tuning(configure(model_folder), clip, "rain", learnt.folder.path, ALONE)


def test_what_does_not_fit_is_said_before_anything_is_written(
    model_folder: Path, clip: SourceClip, tmp_path: Path
) -> None:
    cases = [
        (["encoders.codec=linear"], "encodes 4 frames into one"),
        (["model.family=cogvideox", "model.weights="], "takes tune_a_video"),
    ]
    for changes, message in cases:
        with pytest.raises(ConfigError, match=message):
            prepare_tuning(configure(model_folder, *changes), clip, CAPTION, tmp_path / "run", ALONE)
    odd = SourceClip(name="odd", pixels=clip.pixels[:, :24, :24], fps=8)
    with pytest.raises(ConfigError, match=r"24x24x4@8: sides must be multiples of 16; set --size"):
        prepare_tuning(configure(model_folder), odd, CAPTION, tmp_path / "run", ALONE)
    with pytest.raises(ConfigError, match="2 processes: a step of one clip cannot be split"):
        prepare_tuning(configure(model_folder), clip, CAPTION, tmp_path / "run", World(0, 2, torch.device("cpu")))
    assert not (tmp_path / "run").exists()
