"""A whole run on real shards: pictures and clips of three buckets in packs, validated, sampled, resumed, exported."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from schemas.command import exit_code_of
from schemas.errors import ConfigError
from tests.training.data.made_dataset import make_dataset
from training.commands.train import main
from training.config import (
    CheckpointConfig,
    DataConfig,
    EmaConfig,
    OptimizerConfig,
    SamplingConfig,
    StageConfig,
    TrainConfig,
    ValidationConfig,
)
from training.export.run import run_source
from training.loop.prepare import Prepared, prepare
from training.loop.stage_samples import sample_stage
from training.parallel import World

BUCKETS = {"64x48x9@8": 10, "48x64x1": 6, "64x64x17@8": 6, "48x64x9@8": 4}
ALONE = World(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("dataset")
    make_dataset(str(folder), BUCKETS)
    return str(folder)


def config(**changes: object) -> TrainConfig:
    base = TrainConfig(
        recipe="demo",
        data=DataConfig(workers=1),
        optimizer=OptimizerConfig(learning_rate=2e-3, warmup=1),
        stages=[
            StageConfig(name="32", steps=3, short_side=32, pack_length=600, packs_per_step=2),
            StageConfig(name="48", steps=2, short_side=48, pack_length=700, packs_per_step=2),
        ],
        ema=EmaConfig(decay=0.9),
        checkpoint=CheckpointConfig(every=2),
        validation=ValidationConfig(every=3, quantiles=2),
        sampling=SamplingConfig(steps=2, prompts=["a square"]),
        loggers=["tensorboard"],
    )
    return base.model_copy(update=changes)


def train(prepared: Prepared) -> None:
    torch.set_num_threads(1)
    prepared.run.resume()
    prepared.run.train(lambda report: None, lambda stage: sample_stage(prepared, stage))


@pytest.fixture(scope="module")
def finished(dataset: str, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    prepared = prepare(config(), dataset, tmp_path_factory.mktemp("run"), ALONE)
    train(prepared)
    return prepared


def steps_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]


def test_pictures_and_clips_of_three_buckets_train_in_one_pack(finished: Prepared) -> None:
    folder = finished.folder.path
    steps = steps_of(folder)
    assert [step["stage"] for step in steps] == ["32"] * 3 + ["48"] * 2
    assert all(0 < step["fill"] <= 1 and step["skipped"] == 0 for step in steps)
    index = finished.data.train
    bucket_of = {index.sample_ids[row].as_py(): str(index.buckets[index.bucket[row]]) for row in range(len(index))}
    lineage = [json.loads(line) for line in (folder / "lineage-0.jsonl").read_text().splitlines()]
    mixed = [{bucket_of[sample[0]] for sample in line["samples"]} for line in lineage]
    assert max(len(step) for step in mixed) == 4, "pictures and all three kinds of clips in one step"
    assert [len(line["samples"]) for line in lineage] == [step["samples"] for step in steps]


def test_what_a_run_leaves_behind(finished: Prepared) -> None:
    folder = finished.folder.path
    assert (folder / "samples" / "48" / "sheet.png").stat().st_size > 1000
    assert "linear" in json.loads((folder / "samples" / "48" / "samples.json").read_text())["codec"]
    assert list((folder / "tensorboard").iterdir())
    validations = [json.loads(line) for line in (folder / "validation.jsonl").read_text().splitlines()]
    assert [line["step"] for line in validations] == [3, 5]
    validation = finished.linear_baseline(finished.config.stages[1])
    assert validation is not None
    assert {(shape, timestep) for shape, timestep, _, _ in validations[-1]["cells"]} == set(validation.cells)


def test_a_finished_run_is_sampled_with_its_averaged_weights(finished: Prepared) -> None:
    source = run_source(finished.folder.path)
    assert (source.record.stage, source.record.step, source.record.shape) == ("48", 5, "64x48x9@8")
    weights = finished.run.average.weights
    assert all(torch.equal(source.state[name], weight) for name, weight in weights.items())


def test_adapters_train_alone_and_come_out_beside_the_weights(dataset: str, tmp_path: Path) -> None:
    model = config().model.model_copy(update={"lora": config().model.lora.model_copy(update={"rank": 2})})
    prepared = prepare(config(model=model, data=DataConfig(workers=0)), dataset, tmp_path / "run", ALONE)
    trained = [name for name, parameter in prepared.model.named_parameters() if parameter.requires_grad]
    assert trained
    assert all("lora" in name for name in trained)
    train(prepared)
    source = run_source(tmp_path / "run")
    assert source.adapters is not None


def test_a_dataset_that_no_step_can_be_made_of_is_an_error_that_says_so(dataset: str, tmp_path: Path) -> None:
    short = [config().stages[0].model_copy(update={"pack_length": 90})]
    with pytest.raises(ConfigError, match="pack"):
        prepare(config(stages=short), dataset, tmp_path / "run", ALONE)
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_the_command_shows_its_configuration_and_refuses_latent_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(lambda: main(["demo", "--show-config", "--set", "stages.64.steps=7"])) == 0
    assert "steps: 7" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="latent_input is not a setting here"):
        main(["demo", "--show-config", "--set", "data.latent_input=true"])
