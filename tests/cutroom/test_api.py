"""The package as programs use it: the example of docs/api.md runs, and what is asked for wrongly names the right thing.

python -m pytest tests/cutroom/test_api.py
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import cutroom
import pipeline.commands.curate
import pipeline.dataset.verify
from schemas.config import RunConfig
from schemas.errors import ConfigError, DatasetError, InputError, VerifyError
from tests.cutroom.made_dataset import CLIP, make_whole_dataset

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a dataset at datasets/demo, as after `cutroom curate demo`."""
    root = tmp_path_factory.mktemp("place")
    make_whole_dataset(root / "datasets" / "demo")
    return root


@pytest.fixture(scope="module")
def dataset(folder: Path) -> cutroom.OpenedDataset:
    return cutroom.open_dataset(folder / "datasets" / "demo")


def test_the_example_of_the_page_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.S)
    monkeypatch.chdir(folder)
    exec(compile(example, "docs/api.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert "'captions'" in lines[0]
    assert any(line.startswith("shards/") and ".tar: 4 samples of 48x64x1, train, " in line for line in lines)
    assert "kept ['v-0-4000-b-0', 'v-0-4000-b-1']" in lines
    batches = [line for line in lines if re.match(r"[01] \[", line)]
    assert {line[0] for line in batches} == {"0", "1"}
    assert all(", 64, 48, 3)" in line or ", 48, 64, 3)" in line for line in batches)


def test_importing_the_package_costs_nothing() -> None:
    program = (
        "import sys, cutroom; print([one for one in ('torch', 'pyarrow', 'numpy', 'pydantic') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_table_can_be_read_and_another_name_is_refused(dataset: cutroom.OpenedDataset) -> None:
    read = {name: dataset.table(name).num_rows for name in dataset.tables if name in ("clips", "captions", "ledger")}
    assert read["clips"] == 3
    assert read["captions"] > 0
    assert list(dataset.to_pandas("selection")["clip_id"]) == [CLIP]
    with pytest.raises(InputError, match="no table 'caption'; did you mean 'captions'"):
        dataset.table("caption")


def test_a_sample_is_what_its_shard_holds(dataset: cutroom.OpenedDataset) -> None:
    kinds = set()
    for name in dataset.sample_ids:
        sample = dataset.sample(name)
        kinds.add(sample.media_type)
        assert sample.media.startswith(b"\x89PNG" if sample.media_type == "image/png" else b"\x00\x00\x00")
        assert sample.description["captions"]
    assert kinds == {"video/mp4", "image/png"}
    assert sum(shard.samples for shard in dataset.shards) == len(dataset.sample_ids)
    with pytest.raises(InputError, match="no sample 'x' ships"):
        dataset.sample("x")


def test_a_clip_is_explained_by_the_beginning_of_its_id_and_a_film_by_its_key(dataset: cutroom.OpenedDataset) -> None:
    explained = dataset.explain("v-0-4")
    assert explained["clip"][0]["clip_id"] == CLIP
    assert [row["still_id"] for row in explained["stills"]] == ["s0"]
    with pytest.raises(InputError, match="no clip or video 'harbour'"):
        dataset.explain("harbour")


def test_a_folder_that_is_no_dataset_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no dataset"):
        cutroom.open_dataset(tmp_path)


def test_curate_runs_what_the_command_runs_and_raises_what_is_not_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str, RunConfig]] = []
    target = folder / "datasets" / "demo"

    @contextmanager
    def curated(bucket: str, out: str, config: RunConfig) -> Iterator[tuple[Any, Any, None]]:
        asked.append((bucket, out, config))
        yield SimpleNamespace(unchanged=False, complaints=[]), None, None

    monkeypatch.setattr(pipeline.commands.curate, "curated", curated)
    monkeypatch.setattr(pipeline.dataset.verify, "check_tables", lambda dataset: [])
    changes = {"pack.crf": 20, "select.rules": ["motion >= 1"], "caption.prompt": "say: {what}"}
    opened = cutroom.curate("films", target, "gpu", changes)
    ((bucket, out, config),) = asked
    assert (bucket, out, opened.uri) == ("films", str(target), str(target))
    assert (config.profile, config.pack.crf, config.select.rules) == ("gpu", 20, ["motion >= 1"])
    assert config.caption.prompt == "say: {what}"
    with pytest.raises(ConfigError, match=r"unknown setting 'pack.crff'; did you mean 'pack.crf'"):
        cutroom.curate("films", target, changes={"pack.crff": 1})
    monkeypatch.setattr(pipeline.dataset.verify, "check_tables", lambda dataset: ["shard a: gone"])
    with pytest.raises(VerifyError, match="1 problems, the first is: shard a: gone"):
        cutroom.curate("films", target)
