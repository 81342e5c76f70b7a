"""One video learnt on the shared loop: what changes, what does not, and that a stop costs nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from schemas.errors import ConfigError
from tests.training.editing.image_model import save_film, save_image_model
from training.config import TrainConfig
from training.editing.footage import Footage, Wanted, read_video
from training.editing.tune import Tuning, prepare_tuning
from training.loop.report import Journal, StepReport
from training.models.tune_a_video.weights import load_tuned
from training.parallel import World
from training.recipes import load_training

ALONE = World(0, 1, torch.device("cpu"))
CAPTION = "clouds drift"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_image_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    film = save_film(tmp_path_factory.mktemp("film"))
    return read_video(str(film), Wanted(width=32, height=32, frames=4, stride=2))


def configure(place: Path, *changes: str) -> TrainConfig:
    small = ["optimizer.learning_rate=1e-3", "stages.tune.steps=6", "checkpoint.every=2", "validation.every=3",
             "sampling.steps=4", "loggers=[]", "checkpoint.asynchronous=false"]  # fmt: skip
    return load_training(None, [f"model.weights={place}", *small, *changes], "tune-a-video")


def learn(tuning: Tuning, stop: int | None = None) -> None:
    def show(report: StepReport) -> None:
        if report.step + 1 == stop:
            raise KeyboardInterrupt

    tuning.run.resume()
    tuning.run.train(show, lambda stage: None)


@pytest.fixture(scope="module")
def learnt(place: Path, footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    tuning = prepare_tuning(configure(place), footage, CAPTION, tmp_path_factory.mktemp("run"), ALONE)
    learn(tuning)
    tuning.save()
    return tuning


def test_only_queries_and_attention_over_time_are_learnt(learnt: Tuning, place: Path) -> None:
    image = load_file(place / "unet" / "diffusion_pytorch_model.safetensors")
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
    learnt: Tuning, place: Path, footage: Footage, tmp_path: Path
) -> None:
    first = prepare_tuning(configure(place), footage, CAPTION, tmp_path, ALONE)
    with pytest.raises(KeyboardInterrupt):
        learn(first, stop=3)
    again = prepare_tuning(configure(place), footage, CAPTION, tmp_path, ALONE)
    assert again.run.resume() == 2
    learn(again)
    for name, weight in learnt.model.state_dict().items():
        assert torch.equal(weight, again.model.state_dict()[name]), name
    assert again.run.state.step == 6


def test_tuned_weights_alone_bring_the_edits_back(
    learnt: Tuning, place: Path, footage: Footage, tmp_path: Path
) -> None:
    reconstruction, edit = learnt.edit([CAPTION, "fire burns"])
    assert reconstruction.shape == edit.shape == (4, 32, 32, 3)
    assert (reconstruction != edit).any()
    fresh = prepare_tuning(configure(place), footage, CAPTION, tmp_path, ALONE)
    assert (next(fresh.edit([CAPTION])) != reconstruction).any()
    load_tuned(fresh.model, learnt.folder.path / "tuned.safetensors")
    assert (next(fresh.edit([CAPTION])) == reconstruction).all()


def test_a_run_of_another_clip_or_caption_is_refused(learnt: Tuning, place: Path, footage: Footage) -> None:
    with pytest.raises(ConfigError, match="caption: clouds drift before, rain now"):
        prepare_tuning(configure(place), footage, "rain", learnt.folder.path, ALONE)


def test_what_does_not_fit_is_said_before_anything_is_written(place: Path, footage: Footage, tmp_path: Path) -> None:
    cases = [
        (["encoders.codec=linear"], "packs 4 frames into one"),
        (["model.family=cogvideox", "model.weights="], "takes tune_a_video"),
    ]
    for changes, message in cases:
        with pytest.raises(ConfigError, match=message):
            prepare_tuning(configure(place, *changes), footage, CAPTION, tmp_path / "run", ALONE)
    odd = Footage(name="odd", pixels=footage.pixels[:, :24, :24], fps=8)
    with pytest.raises(ConfigError, match=r"24x24x4@8: sides must divide by 16; set --size"):
        prepare_tuning(configure(place), odd, CAPTION, tmp_path / "run", ALONE)
    with pytest.raises(ConfigError, match="2 processes: one clip a step leaves nothing to share"):
        prepare_tuning(configure(place), footage, CAPTION, tmp_path / "run", World(0, 2, torch.device("cpu")))
    assert not (tmp_path / "run").exists()
