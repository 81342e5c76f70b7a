"""The file of a slice: the rows of its parts and no others, sorted, whatever a kill left of an earlier try.

python -m pytest tests/pipeline/dataset/test_slice_files.py
"""

import tempfile
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import Part
from pipeline.dataset.slice_files import Gathered, gather_slice
from pipeline.dataset.stage_run import Served
from tests.pipeline.stopped import stopped
from tests.pipeline.toy import DOUBLED, HALVES, OUTPUTS

SLICE = "slice-000000"


def add(dataset: Dataset, name: str, rows: dict[str, int], identity: str = "i", slice_name: str = SLICE) -> None:
    """A committed part: two rows of the secondary table for each of the primary one."""
    dataset.plans("doubled", "f").append(slice_name, [Part(name, tuple((key, identity) for key in rows))])
    halves = [{"half_id": f"{key}-{side}", "id": key} for key in rows for side in "ba"]
    dataset.write_part(OUTPUTS[1], "f", name, HALVES.table(halves))
    doubled = [
        {"id": key, "double": value, "status": "ok", "error": None, "attempts": 1} for key, value in rows.items()
    ]
    dataset.write_part(OUTPUTS[0], "f", name, DOUBLED.table(doubled))


def gather(dataset: Dataset, parts: list[str], served: Served | None = None) -> Gathered:
    return gather_slice(dataset, OUTPUTS, "f", SLICE, parts, served or {})


def rows_of(dataset: Dataset, name: str) -> tuple[dict[str, int], list[str]]:
    doubled = dataset.read_parts(OUTPUTS[0], "f", {name: None})
    halves = dataset.read_parts(OUTPUTS[1], "f", {name: None})["half_id"].to_pylist()
    return dict(zip(doubled["id"].to_pylist(), doubled["double"].to_pylist(), strict=True)), halves


def files(dataset: Dataset) -> dict[str, bytes]:
    return {file.key: dataset.store.read(file.key) for file in dataset.store.list() if "plan" not in file.key}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1), st.integers(1, 8))
def test_all_rows_are_there_sorted_and_the_parts_are_gone(keys: list[str], size: int) -> None:

    with tempfile.TemporaryDirectory() as folder:
        dataset = Dataset(folder)
        parts = [f"part-{start}" for start in range(0, len(keys), size)]
        for start, part in zip(range(0, len(keys), size), parts, strict=True):
            add(dataset, part, {key: ord(key) for key in keys[start : start + size]})
        gathered = gather(dataset, parts)
        assert (gathered.rows, gathered.parts) == (len(keys), len(parts))
        doubled, halves = rows_of(dataset, gathered.name)
        assert list(doubled.items()) == [(key, ord(key)) for key in sorted(keys)]
        assert halves == [f"{key}-{side}" for key in sorted(keys) for side in "ab"]
        assert {file.key for file in dataset.store.list("doubled")} == {f"doubled/f/{gathered.name}.parquet"}
        (planned,) = dataset.plans("doubled", "f").read(SLICE)
        assert planned == Part(gathered.name, tuple((key, "i") for key in sorted(keys)))


def test_of_two_rows_of_one_key_the_last_counts_unless_the_other_is_in_use(tmp_path: Path) -> None:
    for served, value in (({}, 9), ({"part-a": ["k", "l"]}, 1), ({"part-a": ["l"], "part-b": None}, 9)):
        dataset = Dataset(str(tmp_path / f"{value}-{len(served)}"))
        add(dataset, "part-a", {"k": 1, "l": 2}, "then")
        add(dataset, "part-b", {"k": 9}, "now")
        doubled, _ = rows_of(dataset, gather(dataset, ["part-a", "part-b"], served).name)
        assert doubled == {"k": value, "l": 2}


def test_rows_that_were_planned_and_never_made_stay_planned(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    add(dataset, "part-a", {"k": 1})
    unmade = Part("part-z", (("m", "i"),))
    dataset.plans("doubled", "f").append(SLICE, [unmade])
    gathered = gather(dataset, ["part-a"])
    assert dataset.plans("doubled", "f").read(SLICE) == [Part(gathered.name, (("k", "i"),)), unmade]


def test_another_slice_is_left_alone(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    add(dataset, "part-a", {"k": 1})
    add(dataset, "part-b", {"l": 2}, slice_name="slice-000001")
    gather(dataset, ["part-a"])
    assert rows_of(dataset, "part-b") == ({"l": 2}, ["l-b", "l-a"])
    assert [part.name for part in dataset.plans("doubled", "f").read("slice-000001")] == ["part-b"]


@pytest.mark.parametrize("method", ["writing", "remove"])
def test_a_kill_at_any_write_or_removal_ends_with_the_same_files(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(name: str) -> Dataset:
        dataset = Dataset(str(tmp_path / name))
        for part, rows in (("part-a", {"k": 1, "a": 2}), ("part-b", {"c": 3})):
            add(dataset, part, rows)
        return dataset

    whole = made("whole")
    gather(whole, ["part-a", "part-b"])
    for moment in count():
        dataset = made(str(moment))
        if not stopped(monkeypatch, method, moment, partial(gather, dataset, ["part-a", "part-b"])):
            break
        left = dataset.committed(OUTPUTS[0], "f")
        dataset.remove_orphans(OUTPUTS, "f")
        gather(dataset, sorted(left | {"part-a", "part-b"}))
        assert files(dataset) == files(whole)
    assert moment > 2
