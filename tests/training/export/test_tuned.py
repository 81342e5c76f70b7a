"""Tuned weights as a source: from a run, from a copied file, for sampling and for other edits."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from schemas.errors import ConfigError
from tests.training.commands.test_tune import FEW, Colours
from tests.training.editing.image_model import save_film, save_image_model
from training.commands import sample, tune
from training.export.find import find_source
from training.export.run import run_source
from training.models.tune_a_video.tuned_file import TUNED_FILE


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a video, an image model, a finished run and its edit."""
    folder = tmp_path_factory.mktemp("tuned")
    save_film(folder)
    save_image_model(folder / "model")
    assert run(folder, folder / "run", "--edit", "fire burns") == 0
    return folder


def run(base: Path, out: Path, *more: object) -> int:
    arguments = [base / "film.mp4", "clouds drift", "--model", base / "model", "--frames", 4, "--out", out, *FEW, *more]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune, "share_cores", lambda world, readers: torch.set_num_threads(1))
        return tune.main([str(argument) for argument in arguments], lambda weights: Colours())


def test_tuned_weights_lie_over_those_of_the_image_model(base: Path) -> None:
    source = find_source(base / "run")
    tuned = load_file(base / "run" / TUNED_FILE)
    image = load_file(base / "model" / "unet" / "diffusion_pytorch_model.safetensors")
    for name, weight in {**image, **tuned}.items():
        assert torch.equal(source.state[f"unet.{name}"], weight), name
    assert any(not torch.equal(image[name], tuned[name]) for name in tuned if name in image)
    record = source.record
    assert (record.recipe, record.step, record.shape, record.sampling.steps) == ("tune-a-video", 2, "32x32x4@24", 2)
    unfinished = run_source(base / "run")  # the last checkpoint, as before the file is written
    assert source.state.keys() == unfinished.state.keys()
    assert all(torch.equal(source.state[name], weight) for name, weight in unfinished.state.items())


def test_a_run_and_a_copied_file_are_sampled(base: Path, tmp_path: Path) -> None:
    copy = shutil.copy(base / "run" / TUNED_FILE, tmp_path / "clouds.safetensors")
    asked = ["--prompt", "fire burns", "--steps", "2"]
    assert sample.main([str(base / "run"), *asked, "--out", str(tmp_path / "run")]) == 0
    facts = json.loads((tmp_path / "run" / "samples.json").read_text())
    assert (facts["shape"], facts["guidance"]) == ("32x32x4@24", 12.5)  # those of the run
    with pytest.raises(ConfigError, match="clouds does not state a shape"):
        sample.main([str(copy), *asked, "--out", str(tmp_path / "copy")])
    shape = ["--shape", "32x32x9@24", "--guidance", "12.5", "--constant-guidance"]
    assert sample.main([str(copy), *asked, *shape, "--out", str(tmp_path / "copy")]) == 0
    facts = json.loads((tmp_path / "copy" / "samples.json").read_text())
    assert facts["checkpoint"] == "clouds, tune-a-video tune, step 2"
    assert (tmp_path / "copy" / "000.mp4").stat().st_size > 0


def test_edits_of_a_copied_file_are_those_of_its_run_without_training(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copy(base / "run" / TUNED_FILE, tmp_path / "clouds.safetensors")
    assert run(base, tmp_path / "out", "--tuned", copy, "--edit", "fire burns") == 0
    assert "tuning on" not in capsys.readouterr().err
    assert not (tmp_path / "out" / TUNED_FILE).exists()
    for name in ("reconstruction.mp4", "edit-1.mp4"):
        assert (tmp_path / "out" / "edits" / name).read_bytes() == (base / "run" / "edits" / name).read_bytes()
    facts = json.loads((tmp_path / "out" / "edits" / "edits.json").read_text())
    assert facts["checkpoint"] == f"{copy}, step 2"


def test_other_files_and_other_image_models_are_refused(base: Path, tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ConfigError, match=r"x\.safetensors is not a file of tuned weights"):
        find_source(tmp_path / "x.safetensors")
    with pytest.raises(ConfigError, match=r"x\.safetensors is not a file of tuned weights"):
        run(base, tmp_path / "out", "--tuned", tmp_path / "x.safetensors")
    shutil.copytree(base / "run", tmp_path / "run")
    shutil.copytree(base / "model", tmp_path / "model")
    weights = load_file(base / "run" / TUNED_FILE)
    header = {"cutroom": json.dumps({"model": str(base / "model"), "norm": "frame"})}
    save_file(dict(list(weights.items())[1:]), tmp_path / "run" / TUNED_FILE, metadata=header)
    with pytest.raises(ConfigError, match="was tuned from another UNet"):
        find_source(tmp_path / "run")
    assert not (tmp_path / "out").exists()
