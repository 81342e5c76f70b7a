"""Verification: a valid dataset passes, and every manipulation is named.

python -m pytest tests/pipeline/dataset/test_verify.py
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.dataset.folder import Dataset
from pipeline.dataset.verify import in_share, verify
from pipeline.dataset.verify_shard import _check_crop, _check_sample, _read_samples
from pipeline.stage import Row
from schemas.dataset_files import INDEX, LEDGER_FILE
from schemas.outcome_tables import LEDGER, SAMPLES
from tests.pipeline.stages.pack.test_stage import make_clips, pack_clips

SHARD = "shards/64x48x17-8fps/train-000000.tar"


def _row(kind: str, key: str, state: str = "shipped") -> Row:
    reason = None if state == "shipped" else "lost"
    known: Row = {"kind": kind, "id": key, "source": "film.mp4", "state": state, "stage": "pack"}
    times = {"parent": None, "start_time": None, "end_time": None, "seconds": 0.0}
    return {**known, "reason": reason, "attempts": 1, **times}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of one video, three clips and three samples."""
    folder = tmp_path_factory.mktemp("sound")
    clips = make_clips(folder)
    results = pack_clips(folder / "set", clips)
    dataset = Dataset(str(folder / "set"))
    samples = [{**(result.values or {}), "status": "ok", "error": None, "attempts": 1} for result in results]
    dataset.write_table(INDEX, SAMPLES, SAMPLES.table(samples))
    rows = [_row("video", "film.mp4"), *(_row("clip", clip["clip_id"]) for clip in clips)]
    rows += [_row("sample", result.key) for result in results]
    dataset.write_table(LEDGER_FILE, LEDGER, LEDGER.table(rows))
    dataset.write_record({"inputs": {"videos": 1, "clips": 3, "samples": 3}})
    return folder / "set"


@pytest.fixture
def dataset(sound: Path, tmp_path: Path) -> Dataset:
    shutil.copytree(sound, tmp_path / "set")
    return Dataset(str(tmp_path / "set"))


def _change_index(dataset: Dataset, change: Callable[[list[Row]], None]) -> list[Row]:
    rows: list[Row] = dataset.read_table(INDEX, SAMPLES).to_pylist()
    change(rows)
    dataset.write_table(INDEX, SAMPLES, SAMPLES.table(rows))
    return rows


def test_a_sound_dataset_gives_no_complaint(dataset: Dataset) -> None:
    assert verify(dataset) == []


@pytest.mark.parametrize("member", ["first header", "film", "description"])
def test_one_flipped_byte_names_its_sample(member: str, dataset: Dataset) -> None:
    data = bytearray(dataset.store.read(SHARD))
    row = dataset.read_table(INDEX, SAMPLES).to_pylist()[1]
    start = row["offset"]
    at = {
        "first header": start + 3,
        "film": data.index(b"mdat", start) + 100,
        "description": data.index(b'"dense"', start) + 12,
    }
    data[at[member]] ^= 0x20
    dataset.store.write(SHARD, bytes(data))
    complaints = verify(dataset)
    assert any(f"sample {row['sample_id']}: its bytes" in complaint for complaint in complaints)
    others = {other_row["sample_id"] for other_row in dataset.read_table(INDEX, SAMPLES).to_pylist()} - {
        row["sample_id"]
    }
    assert not any("checksum" in complaint and other in complaint for complaint in complaints for other in others)


def test_images_that_were_not_captioned_are_named_from_the_shard_alone(tmp_path: Path) -> None:
    """As if pack had decoded another span: one sample carries the signatures of its neighbour's stills."""
    clips = make_clips(tmp_path)
    pack_clips(tmp_path / "set", clips)
    (shard,) = (tmp_path / "set" / "shards").rglob("*.tar")
    samples = list(_read_samples("shard", shard.read_bytes()))
    stills = {sample["__key__"]: json.loads(sample["json"])["stills"] for sample in samples}
    assert all(still["frame"] is not None for listed in stills.values() for still in listed)
    keys = list(stills)
    for sample, other in zip(samples, keys[1:] + keys[:1], strict=True):
        row = {"sample_id": sample["__key__"], "bucket": "64x48x17@8"}
        assert list(_check_sample(row, sample)) == []
        described = json.loads(sample["json"]) | {"stills": stills[other]}
        complaints = list(_check_sample(row, {**sample, "json": json.dumps(described).encode()}))
        assert len(complaints) == 2
        assert all("that was captioned" in complaint for complaint in complaints)


def _described(crop: list[int], image: list[int]) -> dict[str, Any]:
    return {"crop": crop, "picture": image, "source_size": [96, 64]}


@pytest.mark.parametrize(
    ("described", "complaints"),
    [
        (_described([5, 0, 85, 64], [0, 0, 96, 64]), []),
        (_described([5, 10, 60, 44], [0, 10, 96, 44]), []),
        (
            _described([5, 8, 60, 44], [0, 10, 96, 44]),
            ["its crop [5, 8, 60, 44] (left, top, width, height) is not inside"],
        ),
        (_described([5, 10, 60, 0], [0, 10, 96, 44]), ["its crop"]),
        (_described([0, 0, 96, 66], [0, 0, 96, 66]), ["its picture"]),
        ({"crop": [0, 0, 1, 1]}, ["its metadata lacks 'picture'"]),
    ],
)
def test_a_crop_lies_inside_the_bars_and_those_inside_the_source(
    described: dict[str, Any], complaints: list[str]
) -> None:
    complaints_ = list(_check_crop(described))
    assert len(complaints_) == len(complaints)
    assert all(complaint.startswith(start) for complaint, start in zip(complaints_, complaints, strict=True))


def test_a_deleted_shard_is_named(dataset: Dataset) -> None:
    dataset.store.remove(SHARD)
    assert verify(dataset) == ["shard 64x48x17-8fps/train-000000.tar: in the index, but not in the folder"]


def test_an_extra_shard_is_named(dataset: Dataset) -> None:
    dataset.store.write("shards/64x48x17-8fps/train-000009.tar", dataset.store.read(SHARD))
    assert verify(dataset) == ["shard 64x48x17-8fps/train-000009.tar: in the folder, but not in the index"]


def test_a_cut_off_shard_names_the_samples_it_lost(dataset: Dataset) -> None:
    rows = dataset.read_table(INDEX, SAMPLES).to_pylist()
    last = max(rows, key=lambda row: int(row["offset"]))
    dataset.store.write(SHARD, dataset.store.read(SHARD)[: last["offset"] + 700])
    assert any(last["sample_id"] in complaint for complaint in verify(dataset))


def test_a_sample_that_the_index_does_not_know_is_named(dataset: Dataset) -> None:
    (gone,) = (row for row in _change_index(dataset, lambda rows: None)[:1])
    _change_index(dataset, lambda rows: rows.remove(gone))
    complaints = verify(dataset)
    assert f"sample {gone['sample_id']}: in 64x48x17-8fps/train-000000.tar, but not in the index" in complaints


def test_a_source_in_both_splits_is_named(dataset: Dataset) -> None:
    _change_index(dataset, lambda rows: rows[0].update(split="val"))
    assert "source film.mp4: has samples in train and in val" in verify(dataset)


def test_a_sample_of_another_shape_than_its_bucket_is_named(dataset: Dataset) -> None:
    rows = _change_index(dataset, lambda rows: rows[0].update(bucket="64x48x25@8"))
    expected = f"sample {rows[0]['sample_id']}: decodes to 64x48x17, its bucket is 64x48x25@8"
    assert verify(dataset) == [expected]


@pytest.mark.parametrize("kind", ["video", "clip", "sample"])
def test_a_ledger_that_misses_a_row_is_named(kind: str, dataset: Dataset) -> None:
    rows = dataset.read_table(LEDGER_FILE, LEDGER).to_pylist()
    rows.remove(next(row for row in rows if row["kind"] == kind))
    dataset.write_table(LEDGER_FILE, LEDGER, LEDGER.table(rows))
    (complaint,) = verify(dataset)
    assert "the ledger does not add up" in complaint
    assert f"{kind} rows" in complaint


def test_a_ledger_that_disagrees_with_the_index_names_the_sample(dataset: Dataset) -> None:
    rows = dataset.read_table(LEDGER_FILE, LEDGER).to_pylist()
    sample = next(row for row in rows if row["kind"] == "sample")
    sample["state"] = "failed"
    dataset.write_table(LEDGER_FILE, LEDGER, LEDGER.table(rows))
    assert verify(dataset) == [f"sample {sample['id']}: ledger and index disagree on whether it shipped"]


def test_a_failed_sample_needs_no_bytes(dataset: Dataset) -> None:
    failed = SAMPLES.failed_row("lost-0", "no frames", 1, {"split": "train", "video_id": "film.mp4"})
    table = dataset.read_table(INDEX, SAMPLES)
    dataset.write_table(INDEX, SAMPLES, pa.concat_tables([table, SAMPLES.table([failed])]))
    ledger = dataset.read_table(LEDGER_FILE, LEDGER)
    row = LEDGER.table([_row("sample", "lost-0", "failed")])
    dataset.write_table(LEDGER_FILE, LEDGER, pa.concat_tables([ledger, row]))
    dataset.write_record({"inputs": {"videos": 1, "clips": 3, "samples": 4}})
    assert verify(dataset) == []


def test_a_sample_that_was_never_packed_stands_in_the_ledger_all_the_same(dataset: Dataset) -> None:
    """Four samples were planned; one has no caption, so the index does not know it."""
    dataset.write_record({"inputs": {"videos": 1, "clips": 3, "samples": 4}})
    assert verify(dataset) == ["the ledger does not add up: 3 sample rows for 4"]
    rows = LEDGER.table([_row("sample", "untold-0", "failed")])
    dataset.write_table(LEDGER_FILE, LEDGER, pa.concat_tables([dataset.read_table(LEDGER_FILE, LEDGER), rows]))
    assert verify(dataset) == []


def test_several_processes_find_what_one_does(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = "64x48x17-8fps/train-000001.tar"
    dataset.store.write(f"shards/{copy}", dataset.store.read(SHARD)[:-2000])
    rows = dataset.read_table(INDEX, SAMPLES).to_pylist()
    more = [{**row, "sample_id": f"{row['sample_id']}1", "shard": copy} for row in rows]
    dataset.write_table(INDEX, SAMPLES, SAMPLES.table([*rows, *more]))
    alone = verify(dataset)
    assert len(alone) > 3
    monkeypatch.setattr("pipeline.dataset.verify._SAMPLES_PER_PROCESS", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert verify(dataset) == alone


def test_a_share_is_always_the_same_and_about_what_was_asked(dataset: Dataset) -> None:
    names = [f"a/train-{number:06d}.tar" for number in range(4000)]
    tenth = {name for name in names if in_share(name, 0.1)}
    assert 320 < len(tenth) < 480
    assert tenth < {name for name in names if in_share(name, 0.5)}
    assert all(in_share(name, 1.0) for name in names)
    checked: list[int] = []
    data = bytearray(dataset.store.read(SHARD))
    data[3] ^= 1
    dataset.store.write(SHARD, bytes(data))
    assert verify(dataset, lambda samples, failed: checked.append(samples), share=1e-9) == []
    assert checked == []
    assert verify(dataset, lambda samples, failed: checked.append(samples)) != []
    assert checked == [3]
