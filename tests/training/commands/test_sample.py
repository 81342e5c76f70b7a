"""`just export` and `just sample` from weights to films, with the packaged codec and text encoder."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from schemas.errors import CutroomError
from training.commands import export, sample
from training.diffusion.schedule import VelocitySchedule
from training.export.folder import export_folder
from training.export.record import ModelRecord
from training.families.cogvideox import CogVideoXFamily
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX

CONFIG = CogVideoXConfig(heads=2, head_dim=32, layers=1, text_dim=384, time_embed_dim=16)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    record = ModelRecord(snr_shift=1.0, text_length=20, shape="64x32x9@8", recipe="demo", stage="low", step=3)
    family = CogVideoXFamily(CONFIG, VelocitySchedule(1.0))
    export_folder(tmp_path / "model", family, CogVideoX(CONFIG).state_dict(), record)
    return tmp_path / "model"


def test_prompts_become_films_and_an_export_of_the_export_gives_the_same(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a red car\n\n  waves at night \n")
    order = ["--prompts", str(prompts), "--prompt", "a dog", "--steps", "3", "--sampler", "dpm", "--seed", "4"]
    assert sample.main([str(exported), *order, "--out", str(tmp_path / "one")]) == 0
    output = capsys.readouterr().out
    assert "model, demo low, step 3" in output
    assert "codec: linear 8x8x4" in output
    facts = json.loads((tmp_path / "one/samples.json").read_text())
    assert [entry["prompt"] for entry in facts["samples"]] == ["a dog", "a red car", "waves at night"]
    assert (facts["shape"], facts["sampler"], facts["seed"]) == ("64x32x9@8", "dpm", 4)
    assert "linear 8x8x4" in facts["codec"]
    assert Image.open(tmp_path / "one/sheet.png").height > 3 * 96

    assert export.main([str(exported), str(tmp_path / "again"), "--merge"]) == 0
    assert "cutroom.json" in capsys.readouterr().out
    sample.main([str(tmp_path / "again"), *order, "--out", str(tmp_path / "two")])
    for name in ("000.mp4", "002.mp4"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ([], "no prompts"),
        (["--prompt", "a", "--shape", "64x32x10@8"], "the nearest is 9"),
        (["--prompt", "a", "--steps", "0"], "--steps 0"),
        (["--prompt", "a", "--steps", "2000"], "must be 1 to 1000"),
        (["--prompts", "nowhere.txt"], "nowhere.txt cannot be read"),
    ],
)
def test_what_cannot_be_made_is_said_before_anything_is_written(
    exported: Path, tmp_path: Path, change: list[str], message: str
) -> None:
    with pytest.raises(CutroomError, match=message):
        sample.main([str(exported), *change, "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
