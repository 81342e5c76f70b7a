"""A run's numbers: resumed, they are bit for bit those of a run that was never stopped."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from schemas.errors import ConfigError
from tests.training.made_run import made_config, made_run
from training.loop.report import StepReport


class Stop(Exception):
    """Stands for a kill: nothing is tidied up."""


def stop_after(step: int) -> Callable[[StepReport], None]:
    def show(report: StepReport) -> None:
        if report.step == step:
            raise Stop

    return show


def train(folder: Path, show: Callable[[StepReport], None] = lambda report: None) -> dict[str, torch.Tensor]:
    run = made_run(folder, made_config())
    run.resume()
    run.train(show, lambda stage: None)
    return {name: weight.detach().clone() for name, weight in run.trainer.method.model.named_parameters()}


def lines(folder: Path, name: str, leave_out: tuple[str, ...] = ()) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in leave_out} for line in lines]


TIMES = ("seconds", "tokens_per_second", "waiting", "memory_gigabytes")


def test_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole")
    for step in (4, 6):  # within the first stage, and after the hand-over to the second
        with pytest.raises(Stop):
            train(tmp_path / "stopped", stop_after(step))
    resumed = train(tmp_path / "stopped")
    assert all(torch.equal(weight, resumed[name]) for name, weight in whole.items())
    for name in ("steps.jsonl", "lineage-0.jsonl", "validation.jsonl"):
        assert lines(tmp_path / "whole", name, TIMES) == lines(tmp_path / "stopped", name, TIMES)
    assert [line["step"] for line in lines(tmp_path / "whole", "steps.jsonl")] == list(range(8))


def test_a_broken_checkpoint_is_refused_and_the_one_before_it_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path)
    last = max((tmp_path / "checkpoints").glob("step-*"))
    weights = next(last.glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-3] ^= 1
    weights.write_bytes(data)
    run = made_run(tmp_path, made_config())
    assert run.resume() == 6
    assert "another checksum" in capsys.readouterr().err


def test_only_the_last_checkpoints_stay(tmp_path: Path) -> None:
    train(tmp_path)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-000006", "step-000008"]


def test_lineage_names_every_sample_with_its_level_and_loss(tmp_path: Path) -> None:
    train(tmp_path)
    for line in lines(tmp_path, "lineage-0.jsonl"):
        samples = line["samples"]
        assert isinstance(samples, list)
        assert len(samples) == 6
        levels = sorted(timestep for _, _, timestep, _ in samples)
        # Explicit uniform sampling: one in each sixth of the noise levels.
        assert [level * 6 // 1000 for level in levels] == list(range(6))


def test_held_out_loss_falls_and_has_a_number_per_cell(tmp_path: Path) -> None:
    train(tmp_path)
    validations = lines(tmp_path, "validation.jsonl")
    assert [line["step"] for line in validations] == [4, 6, 8]
    cells = validations[-1]["cells"]
    assert isinstance(cells, list)
    assert {(shape, timestep) for shape, timestep, _, _ in cells} == {
        (shape, timestep) for shape in ("32x32x9@8", "48x32x1", "32x48x17@8") for timestep in (166, 500, 833)
    }
    assert float(str(validations[-1]["loss"])) < float(str(validations[0]["loss"]))


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    train(tmp_path)
    other = made_config().model_copy(update={"snr_shift": 3.0})
    with pytest.raises(ConfigError, match=r"snr_shift: 1.0 before, 3.0 now"):
        made_run(tmp_path, other)
    free = made_config().model_copy(update={"loggers": ["tensorboard"]})
    assert made_run(tmp_path, free).resume() == 8


def test_a_frozen_part_does_not_learn_and_a_pattern_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    config = made_config()
    stages = [config.stages[0].model_copy(update={"trains": ["*attn1*"]})]
    run = made_run(tmp_path / "some", config.model_copy(update={"stages": stages}))
    before = {name: weight.detach().clone() for name, weight in run.trainer.method.model.named_parameters()}
    # Zero modulation lets no gradient through to attention; so give the gates a value.
    for name, weight in run.trainer.method.model.named_parameters():
        if "norm1.linear" in name:
            weight.data.fill_(0.1)
            before[name].fill_(0.1)
    run.train(lambda report: None, lambda stage: None)
    moved = {
        name
        for name, weight in run.trainer.method.model.named_parameters()
        if not torch.equal(weight.detach(), before[name])
    }
    assert moved
    assert all("attn1" in name for name in moved)
    stages = [config.stages[0].model_copy(update={"trains": ["*attn_temp*"]})]
    with pytest.raises(ConfigError, match=r"'\*attn_temp\*' matches no parameter"):
        made_run(tmp_path / "none", config.model_copy(update={"stages": stages})).train(
            lambda report: None, lambda stage: None
        )


def test_a_checkpoint_appears_as_soon_as_it_is_whole_not_at_the_next_one(tmp_path: Path) -> None:
    whole = tmp_path / "checkpoints" / "step-000030" / "manifest.json"

    def show(report: StepReport) -> None:
        if whole.exists():
            raise Stop
        if report.step >= 30:
            time.sleep(0.3)  # writing goes on beside training, on however slow a machine
        assert report.step < 59, "only the next checkpoint, after step 60, let it appear"

    with pytest.raises(Stop):
        made_run(tmp_path, made_config(steps=60, every=30)).train(show, lambda stage: None)
