"""A configuration that cannot work is refused before the first row, with the setting, the rule and the fix.

python -m pytest tests/pipeline/stages/test_preflight.py
"""

import importlib.metadata
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipeline.curate import Curation
from pipeline.dataset.folder import Dataset
from pipeline.engine.cluster import Cluster
from pipeline.stages import installed
from pipeline.stages.preflight import check_config
from schemas.errors import ConfigError, CutroomError
from schemas.load import load_config
from schemas.profiles import PROFILES

ENDPOINT = ("caption.captioner=openai", "caption.model.name=m", "caption.model.base_url=http://127.0.0.1:8000/v1")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (['pack.buckets=["384x256x801@8"]'], "needs clips of 99.94 s, but split.max_seconds = 20; raise split.max_sec"),
        (['pack.buckets=["384x256x801@8"]'], "at most 161 frames at 8 fps"),
        (['pack.buckets=["first-stage", "256x256x49@8"]', "split.max_seconds=5"], "'256x256x49@8', which nothing can"),
        (['pack.buckets=["cogvideox-1.5"]', "split.max_seconds=4"], "'cogvideox-1.5', which nothing can fill"),
        (["pack.preset=mediun"], "pack.preset = 'mediun'; did you mean 'medium'?"),
        (['report.gates=["emty <= 0"]'], "no column 'emty'; did you mean 'empty'?"),
        (["caption.prompt={subjct} in {light}"], "{subjct} is not one of"),
        ([*ENDPOINT, "caption.prompt=What is at {times}?"], "caption.prompt holds {times}, but nothing is filled"),
        ([*ENDPOINT, "caption.overview_prompt=In {seconds}:"], "only {count} and {times} are known"),
        (["summarise.prompt=In {words} words."], "summarise.prompt holds {words}, but nothing is filled"),
        (["summarise.summariser=join", "summarise.prompt=Be brief."], "join asks no model"),
        (["summarise.tokenizer=no/such/folder"], "summarise.tokenizer = 'no/such/folder'"),
        (["score.head_weights=no/such.safetensors"], "score.head_weights = 'no/such.safetensors'"),
        (["score.head_weights=x.pth", "score.scorers=[text_area]"], "none of score.scorers = ['text_area'] reads it"),
        (["score.embedder_weights=x.pt"], "efficientnet_lite0 takes none"),
        (["score.heads=[no/such.safetensors]"], "no/such.safetensors"),
        ([*ENDPOINT[:2], "caption.model.base_url=127.0.0.1:8000"], "no web address"),
        ([*ENDPOINT[:2], "caption.model.base_url=https://api.example.com/v1"], "OPENAI_API_KEY is empty"),
        (["caption.captioner=vllm", "caption.model.name=./no/model"], "caption.model.name = './no/model'"),
    ],
)
def test_what_cannot_work_is_refused(changes: list[str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(installed, "is_installed", lambda package: True)
    with pytest.raises(CutroomError) as refused:
        check_config(load_config(changes=changes))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ['pack.buckets=["384x256x161@8"]'],
        ['pack.buckets=["first-stage"]', "split.max_seconds=4"],
        ['pack.buckets=["384x256x1"]', "split.max_seconds=4"],
        ["summarise.form=structured", 'summarise.prompt=At most {words} words, as {"dense": "..."}.'],
        [*ENDPOINT, "caption.overview_prompt={count} moments at {times} seconds."],
    ],
)
def test_what_can_work_is_not(changes: list[str]) -> None:
    check_config(load_config(changes=changes))


def test_a_profile_that_lacks_its_head_says_which_and_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "is_installed", lambda package: True)
    with pytest.raises(ConfigError, match="aesthetic_laion needs weights"):
        check_config(PROFILES["gpu"]())


def test_a_package_that_is_not_there_is_named_with_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "is_installed", lambda package: package != "rapidocr")
    with pytest.raises(ConfigError, match=r"score.scorers = 'text_area' needs the package rapidocr"):
        check_config(load_config())


def test_a_head_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    save_file({"weights": np.zeros(3, np.float32), "bias": np.zeros(1, np.float32)}, path)
    with pytest.raises(ConfigError, match=r"score.head_weights = .*was fitted on None"):
        check_config(load_config(changes=[f"score.head_weights={path}"]))
    path.write_text("no tensors")
    with pytest.raises(ConfigError, match=r"score.head_weights = .* cannot be read: SafetensorError"):
        check_config(load_config(changes=[f"score.head_weights={path}"]))


def test_a_folder_of_a_model_must_hold_one(tmp_path: Path) -> None:
    changes = ["summarise.summariser=transformers", f"summarise.model.name={tmp_path}"]
    with pytest.raises(ConfigError, match=r"config\.json"):
        check_config(load_config(changes=changes))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"no model of Hugging Face's format: config\.json"):
        check_config(load_config(changes=changes))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(ConfigError, match=r"holds no weights \(\*\.safetensors\)"):
        check_config(load_config(changes=changes))
    save_file({"a": np.zeros(1, np.float32)}, tmp_path / "model.safetensors")
    check_config(load_config(changes=changes))


def test_a_run_is_refused_before_its_bucket_is_listed(tmp_path: Path) -> None:
    config = load_config(changes=["pack.preset=mediun"])
    with pytest.raises(ConfigError, match=r"pack\.preset"):
        Curation(str(tmp_path / "nowhere"), Dataset(str(tmp_path / "set")), config, Cluster())
    assert not (tmp_path / "set").exists()


def test_a_package_of_another_name_that_brings_the_module_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", nowhere)
    assert installed.is_installed("json")
    assert not installed.is_installed("no-such-package")
