"""A Latte through the whole trainer: pictures and clips, stages that let more and more learn, samples, export."""

from pathlib import Path

import pytest
import torch

from tests.training.data.made_dataset import make_dataset
from training.benchmarks.latte import compare_starts
from training.config import (
    CheckpointConfig,
    ModelSettings,
    SamplingConfig,
    StageConfig,
    TrainConfig,
    ValidationConfig,
)
from training.export.folder import export_folder
from training.export.record import ModelRecord
from training.export.run import run_source
from training.families.latte import LatteFamily
from training.loop.prepare import prepare
from training.loop.stage_samples import sample_stage
from training.models.latte.config import PRESETS
from training.models.latte.model import Latte
from training.parallel import World
from training.recipes import latte_demo

ALONE = World(0, 1, torch.device("cpu"))
STAGE = StageConfig(name="time", steps=2, short_side=32, max_seconds=1, pack_length=300, trains=["*temporal*"])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("dataset")
    make_dataset(str(folder), {"64x48x9@8": 10, "48x64x1": 6, "64x64x17@8": 6})
    torch.set_num_threads(1)
    return str(folder)


def picture_model(folder: Path) -> str:
    """Weights from which temporal layers get a gradient at once: no last layer of zeros."""
    torch.manual_seed(0)
    sizes = PRESETS["debug"]
    model = Latte(sizes)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(0.05 * torch.randn(weight.shape))
    export_folder(folder, LatteFamily(sizes), model.state_dict(), ModelRecord(text_length=sizes.text_length))
    return str(folder)


def config(weights: str) -> TrainConfig:
    everything = STAGE.model_copy(update={"name": "all", "trains": [], "rates": {"*temporal*": 2.0}})
    return latte_demo().model_copy(
        update={
            "model": ModelSettings(family="latte", weights=weights),
            "stages": [STAGE, everything],
            "checkpoint": CheckpointConfig(every=1),
            "validation": ValidationConfig(every=2, quantiles=2),
            "sampling": SamplingConfig(steps=2, prompts=["a square"]),
            "loggers": [],
        }
    )


def test_stages_thaw_the_model_and_its_samples_are_written(dataset: str, tmp_path: Path) -> None:
    prepared = prepare(config(picture_model(tmp_path / "model")), dataset, tmp_path / "run", ALONE)
    first = {name: parameter.detach().clone() for name, parameter in prepared.model.named_parameters()}
    moved: dict[str, set[str]] = {}

    def after(stage: StageConfig) -> None:
        weights = dict(prepared.model.named_parameters())
        moved[stage.name] = {
            name for name, parameter in weights.items() if not torch.equal(parameter.detach(), first[name])
        }
        sample_stage(prepared, stage)

    prepared.run.train(lambda report: None, after)
    assert moved["time"]
    assert all("temporal" in name for name in moved["time"])
    assert any("temporal" not in name for name in moved["all"])
    assert (tmp_path / "run/samples/all/sheet.png").stat().st_size > 1000
    assert prepared.linear_baseline(prepared.config.stages[-1]) is not None
    source = run_source(tmp_path / "run")
    assert source.family.sizes == prepared.family.sizes
    assert source.record.sampling == SamplingConfig(steps=2), "a run is sampled later as it sampled itself"
    assert torch.equal(source.state["proj_out.weight"], prepared.run.average.weights["proj_out.weight"])


def test_the_benchmark_of_starts_has_curves_of_both(dataset: str, tmp_path: Path) -> None:
    starts = compare_starts(dataset, tmp_path, lambda text: None, seeds=1, steps=2, still_steps=1)
    assert [row[0] for row in starts.curve_rows()] == [0, 1, 2]
    assert all(scratch != started for _, scratch, started in starts.curve_rows()[1:])
    assert starts.reach_rows()[0][0] == 0
