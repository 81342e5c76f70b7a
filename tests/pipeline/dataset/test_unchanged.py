"""A dataset counts as unchanged only if its files and all that made them are as they were.

python -m pytest tests/pipeline/dataset/test_unchanged.py
"""

import os
from pathlib import Path

import pytest

from pipeline.dataset.folder import Dataset
from pipeline.dataset.unchanged import digest_of_inputs, digest_of_program, marked, unchanged_record, with_mark_of


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    dataset_ = Dataset(str(tmp_path / "set"))
    for key in ("captions/f/part-1.parquet", "shards/a.tar", ".plans/captions/f/plan-0000.parquet"):
        dataset_.store.write(key, key.encode())
    dataset_.write_record(marked(dataset_, {"inputs": {"videos": 1}}, "made of this"))
    return dataset_


def test_nothing_changed(dataset: Dataset) -> None:
    record = unchanged_record(dataset, "made of this")
    assert record is not None
    assert record["inputs"] == {"videos": 1}
    dataset.write_record(with_mark_of({"inputs": {"videos": 2}}, record))
    again = unchanged_record(dataset, "made of this")
    assert again is not None
    assert again["inputs"] == {"videos": 2}


def test_other_inputs_change_everything(dataset: Dataset) -> None:
    assert unchanged_record(dataset, "made of that") is None


@pytest.mark.parametrize("key", ["captions/f/part-1.parquet", "shards/a.tar", ".plans/captions/f/plan-0000.parquet"])
@pytest.mark.parametrize("change", ["gone", "other bytes", "touched"])
def test_any_changed_file_is_seen(dataset: Dataset, key: str, change: str) -> None:
    path = Path(dataset.store.uri) / key
    if change == "gone":
        path.unlink()
    elif change == "other bytes":
        path.write_bytes(b"other bytes of other length")
    else:
        os.utime(path, (1, 1))
    assert unchanged_record(dataset, "made of this") is None


def test_a_new_file_is_seen_and_a_lock_is_none(dataset: Dataset) -> None:
    dataset.store.write(".lock", b"")
    assert unchanged_record(dataset, "made of this") is not None
    dataset.store.write("captions/f/part-2.parquet", b"")
    assert unchanged_record(dataset, "made of this") is None


def test_a_record_without_a_mark_or_that_is_damaged_says_nothing(dataset: Dataset) -> None:
    dataset.write_record({"inputs": {}})
    assert unchanged_record(dataset, "made of this") is None
    dataset.store.write("run.json", b"{")
    assert unchanged_record(dataset, "made of this") is None
    dataset.store.remove("run.json")
    assert unchanged_record(dataset, "made of this") is None


def test_every_part_of_the_inputs_counts() -> None:
    plain = digest_of_inputs({"seed": 1}, ["f1", "f2"], "listing", "bucket")
    others = [
        digest_of_inputs({"seed": 2}, ["f1", "f2"], "listing", "bucket"),
        digest_of_inputs({"seed": 1}, ["f1"], "listing", "bucket"),
        digest_of_inputs({"seed": 1}, ["f1", "f2"], "other", "bucket"),
        digest_of_inputs({"seed": 1}, ["f1", "f2"], "listing", "other"),
    ]
    assert plain not in others
    assert plain == digest_of_inputs({"seed": 1}, iter(["f1", "f2"]), "listing", "bucket")


def test_the_program_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest_of_inputs({}, [], "")
    assert len(digest_of_program()) == 16
    monkeypatch.setattr("pipeline.dataset.unchanged.digest_of_program", lambda: "another")
    assert digest_of_inputs({}, [], "") != before
