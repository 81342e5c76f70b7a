"""The doctor on a real dataset in miniature: silent where all is well, and otherwise naming what is wrong."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.storage.store import Store
from tests.training.latents.dataset import make_dataset
from training.commands.doctor import show
from training.config import DataConfig, StageConfig, TrainConfig
from training.data.index import SampleIndex
from training.diffusion.schedule import VelocitySchedule
from training.doctor.findings import Finding
from training.doctor.run import Resources, run_doctor
from training.encoders.base import VideoCodec
from training.encoders.linear import open_linear
from training.encoders.linear_frames import open_linear_frames
from training.encoders.minilm import MiniLM
from training.families.cogvideox import CogVideoXFamily
from training.families.latte import LatteFamily
from training.latents.settings import CacheSettings, claim
from training.latents.source import plan_parts
from training.latents.verify import verify_cache
from training.latents.write import LatentWriter
from training.models.cogvideox.config import PRESETS, CogVideoXConfig
from training.models.latte.config import PRESETS as LATTES

DEBUG = replace(PRESETS["debug"], text_length=226)
PLENTY = Resources(memory=2.0**36, disk=2.0**40)
STAGE: dict[str, Any] = {"name": "low", "steps": 10, "short_side": 32, "max_seconds": 6, "pack_length": 600}


@pytest.fixture(scope="module")
def text() -> MiniLM:
    torch.set_num_threads(1)
    return MiniLM(DEBUG.text_length)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


def examine(
    dataset: Path,
    text: MiniLM,
    codec: VideoCodec | None = None,
    sizes: CogVideoXConfig = DEBUG,
    resources: Resources = PLENTY,
    latents: str = "",
    **stage: Any,
) -> list[Finding]:
    config = TrainConfig(stages=[StageConfig(**{**STAGE, **stage})], data=DataConfig(latents=latents))
    train, validation = (SampleIndex.open(str(dataset), split) for split in ("train", "val"))
    family = CogVideoXFamily(sizes, VelocitySchedule(1.0))
    return run_doctor(config, train, validation, codec or open_linear(), text, family, resources)


def texts(findings: Sequence[Finding], level: str) -> str:
    return "\n".join(finding.text for finding in findings if finding.level == level)


def test_a_sound_run_has_facts_and_no_errors(dataset: Path, text: MiniLM) -> None:
    findings = examine(dataset, text)
    assert texts(findings, "error") == ""
    assert texts(findings, "warning").startswith("no sample is held out")
    facts = texts(findings, "fact")
    for expected in ("7 samples in 3 buckets", "96x64x17@8 as 48x32x17@8: 3 samples", "steps per epoch", "PSNR 2",
                     "3 samples", "in one pack pass a block"):  # fmt: skip
        assert expected in facts


def test_a_dataset_too_small_for_one_step_says_so_with_numbers(dataset: Path, text: MiniLM) -> None:
    errors = texts(examine(dataset, text, packs_per_step=50), "error")
    assert "too few samples for one step: all 7 samples fill" in errors
    assert "a step takes 50; set stages.low.packs_per_step=" in errors


def test_samples_that_no_pack_holds_are_lost_with_a_reason(dataset: Path, text: MiniLM) -> None:
    findings = examine(dataset, text, short_side=64, pack_length=300)
    assert "3 samples of 96x64x17@8 are excluded: 346 tokens" in texts(findings, "warning")
    assert "no sample is left" in texts(examine(dataset, text, pack_length=100), "error")


def test_a_rule_on_a_column_that_is_not_there_is_an_error(dataset: Path, text: MiniLM) -> None:
    assert "rule 'aesthetic >= 4'" in texts(examine(dataset, text, rules=["aesthetic >= 4"]), "error")


class Pixels:
    """What `latent_input` makes of a VAE: pixels go through as they are."""

    name, identity, channels, spatial_stride, temporal_stride = "none", "none@1", 3, 8, 4

    def encode(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        raise AssertionError("the doctor stops before it encodes")

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        raise AssertionError("the doctor does not decode")


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        (replace(DEBUG, in_channels=32), "gives 16 channels, the model takes 32: the model is an image-to-video one"),
        (replace(DEBUG, in_channels=8), "set encoders.codec and encoders.codec_weights"),
        (replace(DEBUG, out_channels=32), "the model predicts 32 channels, the codec has 16"),
        (replace(DEBUG, text_dim=4096), "embeddings of 384 dimensions, the model takes 4096"),
        (replace(DEBUG, text_length=224), "gives 226 tokens, the model takes 224"),
        (replace(DEBUG, patch=8), "sides must be multiples of 64"),
    ],
)
def test_encoders_of_another_model_are_named(dataset: Path, text: MiniLM, sizes: CogVideoXConfig, named: str) -> None:
    assert named in texts(examine(dataset, text, sizes=sizes), "error")


def test_more_frames_than_positions_are_told_before_training(dataset: Path, text: MiniLM) -> None:
    config = TrainConfig(stages=[StageConfig(**STAGE)])
    train, validation = (SampleIndex.open(str(dataset), split) for split in ("train", "val"))
    family = LatteFamily(replace(LATTES["debug"], text_length=226, frames=16))
    codec = open_linear_frames()
    errors = texts(run_doctor(config, train, validation, codec, text, family, PLENTY), "error")
    assert "17 latent frames, the model has positions for 16; set model.latte.frames=17" in errors


def test_pixels_that_no_vae_encoded_are_told_from_latents(dataset: Path, text: MiniLM) -> None:
    errors = texts(examine(dataset, text, Pixels()), "error")
    assert "none gives 3 channels, the model takes 16: these are pixels that no VAE has encoded" in errors


class Unscaled:
    """The linear codec with its latents multiplied once more."""

    def __init__(self, factor: float) -> None:
        self._codec, self._factor = open_linear(), factor
        self.name, self.identity, self.channels = "unscaled", "unscaled@1", 16
        self.spatial_stride, self.temporal_stride, self.decode = 8, 4, self._codec.decode

    def encode(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        mean, std = self._codec.encode(pixels)
        return self._factor * mean, std


def test_latents_of_a_wrong_scale_and_not_a_number_are_found(dataset: Path, text: MiniLM) -> None:
    assert "its scale is applied once" in texts(examine(dataset, text, Unscaled(10)), "warning")
    assert "its scale is applied once" in texts(examine(dataset, text, Unscaled(0.05)), "warning")
    assert "not finite" in texts(examine(dataset, text, Unscaled(float("nan"))), "error")


def test_a_sample_that_cannot_be_read_is_named(text: MiniLM, tmp_path: Path) -> None:
    findings = examine(make_dataset(tmp_path, broken="clip1-64x96x9-8fps-0"), text, short_side=64)
    assert "sample clip1-64x96x9-8fps-0" in texts(findings, "warning")


def test_a_latent_cache_is_looked_into(dataset: Path, text: MiniLM, tmp_path: Path) -> None:
    settings = CacheSettings.of(open_linear(), text, "float32")
    claim(Store(tmp_path), settings)
    stages = [StageConfig(**STAGE)]
    writer = LatentWriter(Store(dataset), Store(tmp_path), settings, open_linear(), text)
    writer.write(plan_parts(Store(dataset), stages, settings), lambda part, failed: None)
    findings = examine(dataset, text, latents=str(tmp_path))
    assert texts(findings, "error") == ""
    assert "the latent cache has all 7 samples" in texts(findings, "fact")
    assert "holds nothing at 64x96x9@8" in texts(examine(dataset, text, latents=str(tmp_path), short_side=64), "error")
    assert "was made with linear@" in texts(examine(dataset, text, Unscaled(1), latents=str(tmp_path)), "error")


def test_a_codec_of_single_frames_passes_from_pixels_and_from_a_cache(
    dataset: Path, text: MiniLM, tmp_path: Path
) -> None:
    codec = open_linear_frames()
    settings = CacheSettings.of(codec, text, "float32")
    claim(Store(tmp_path), settings)
    parts = plan_parts(Store(dataset), [StageConfig(**STAGE)], settings)
    LatentWriter(Store(dataset), Store(tmp_path), settings, codec, text).write(parts, lambda part, failed: None)
    assert list(verify_cache(Store(tmp_path), parts)) == []
    for latents in ("", str(tmp_path)):
        findings = examine(dataset, text, codec, latents=latents)
        assert texts(findings, "error") == ""
        assert "96x64x17@8 as 48x32x17@8: 3 samples, 328 tokens each" in texts(findings, "fact")


def test_too_little_memory_and_disk_name_what_helps(dataset: Path, text: MiniLM) -> None:
    small = Resources(memory=2.0**26, disk=2.0**20)
    findings = examine(dataset, text, resources=small, pack_length=60_000)
    assert "set stages.low.pack_length to" in texts(findings, "error")
    assert "model.checkpoint_blocks=true" in texts(findings, "error")
    assert "lower checkpoint.keep" in texts(findings, "warning")
    tiny = Resources(memory=2.0**23, disk=2.0**40)
    assert "train on at least" in texts(examine(dataset, text, resources=tiny), "error")


def test_processes_without_work_are_counted(dataset: Path, text: MiniLM) -> None:
    findings = examine(dataset, text, resources=replace(PLENTY, world=8), packs_per_step=3)
    assert "8 processes share 3 packs per step, so 5 idle" in texts(findings, "warning")


def test_captions_over_the_budget_are_counted_and_the_longest_named(dataset: Path, tmp_path: Path) -> None:
    short = MiniLM(5)
    warnings = texts(examine(dataset, short, sizes=replace(DEBUG, text_length=5)), "warning")
    assert "7 of 7 dense captions are longer than the 5 tokens" in warnings
    assert "(sample clip" in warnings


def test_the_table_shows_everything_as_written(capsys: pytest.CaptureFixture[str]) -> None:
    show([Finding("error", "data", "pack.buckets=[cogvideox] is wrong"), Finding("fact", "disk", "1 GB")], "demo")
    output = capsys.readouterr().out
    assert "pack.buckets=[cogvideox] is wrong" in output
    assert "1 errors, 0 warnings" in output


def _with_tokens(dataset: Path, folder: Path, tokens: list[int]) -> Path:
    shutil.copytree(dataset, folder)
    table = pq.read_table(folder / "shards/index.parquet")
    column = table.column_names.index("tokens")
    pq.write_table(table.set_column(column, "tokens", pa.array(tokens)), folder / "shards/index.parquet")
    return folder


def test_captions_that_are_missing_everywhere_are_an_error_and_here_and_there_a_warning(
    dataset: Path, text: MiniLM, tmp_path: Path
) -> None:
    findings = examine(_with_tokens(dataset, tmp_path / "none", [0] * 7), text)
    assert "none of 7 samples has a caption" in texts(findings, "error")
    findings = examine(_with_tokens(dataset, tmp_path / "some", [0, 0, 7, 7, 7, 7, 7]), text)
    assert "2 of 7 samples have no caption" in texts(findings, "warning")
    assert texts(findings, "error") == ""


def test_a_shard_that_is_gone_is_an_error_of_the_doctor(dataset: Path, text: MiniLM, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "set")
    next((tmp_path / "set" / "shards").rglob("*.tar")).unlink()
    assert "1 of 3 shards" in texts(examine(tmp_path / "set", text), "error")
