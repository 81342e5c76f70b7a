"""The dataset folder: parts and plans are read back as written, and only if they are served.

python -m pytest tests/pipeline/dataset/test_folder.py
"""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.dataset.plan import make_part
from schemas.errors import ContractError, DatasetError
from tests.pipeline.toy import DOUBLED, HALVES, OUTPUTS

PRIMARY, SECONDARY = OUTPUTS


def _doubled(*ids: str) -> pa.Table:
    return DOUBLED.table({"id": key, "double": 2, "status": "ok", "error": None, "attempts": 1} for key in ids)


def _halves(*ids: str) -> pa.Table:
    return HALVES.table({"half_id": f"{key}-{side}", "id": key} for key in ids for side in "xy")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    dataset_ = Dataset(str(tmp_path / "set"))
    for part, ids in (("part-1", "ab"), ("part-2", "cd")):
        dataset_.write_part(SECONDARY, "f1", part, _halves(*ids))
        dataset_.write_part(PRIMARY, "f1", part, _doubled(*ids))
    return dataset_


def test_only_served_parts_and_rows_are_read(dataset: Dataset) -> None:
    served = {"part-1": frozenset("b"), "part-2": None}
    assert dataset.read_parts(PRIMARY, "f1", served)["id"].to_pylist() == ["b", "c", "d"]
    assert dataset.read_parts(PRIMARY, "f1", {"part-2": frozenset("d")})["id"].to_pylist() == ["d"]


def test_rows_of_secondary_tables_are_served_by_their_parent(dataset: Dataset) -> None:
    rows = dataset.read_parts(SECONDARY, "f1", {"part-1": frozenset("a"), "part-2": frozenset()})
    assert rows["half_id"].to_pylist() == ["a-x", "a-y"]


def test_rows_carry_the_path_of_their_part_file(dataset: Dataset) -> None:
    table = dataset.read_parts(PRIMARY, "f1", {"part-1": None})
    assert set(table[PART_COLUMN].to_pylist()) == {"doubled/f1/part-1.parquet"}
    assert dataset.store.exists("doubled/f1/part-1.parquet")


def test_nothing_served_is_an_empty_table_of_the_same_columns(dataset: Dataset) -> None:
    some, none = (dataset.read_parts(PRIMARY, "f1", served) for served in ({"part-1": None}, {}))
    assert none.schema == some.schema
    assert len(none) == 0


def test_chosen_columns_come_in_the_asked_order(dataset: Dataset) -> None:
    table = dataset.read_parts(PRIMARY, "f1", {"part-1": frozenset("a"), "part-2": frozenset("c")}, ["status", "id"])
    assert table.column_names == ["status", "id", PART_COLUMN]
    assert table["id"].to_pylist() == ["a", "c"]


def test_a_part_that_breaks_its_contract_is_not_written(dataset: Dataset) -> None:
    with pytest.raises(ContractError):
        dataset.write_part(PRIMARY, "f1", "part-3", _doubled("e").drop_columns(["double"]))
    assert dataset.committed(PRIMARY, "f1") == {"part-1", "part-2"}


def test_committed_parts_are_those_of_the_fingerprint_and_plans_are_none(dataset: Dataset) -> None:
    dataset.append_plan(PRIMARY.folder, "f1", [make_part([("a", "1")])])
    assert dataset.committed(PRIMARY, "f1") == {"part-1", "part-2"}
    assert dataset.committed(PRIMARY, "f2") == set()


def test_orphans_of_a_killed_worker_are_removed_and_nothing_else(dataset: Dataset) -> None:
    dataset.write_part(SECONDARY, "f1", "part-3", _halves("e"))
    dataset.write_part(SECONDARY, "f2", "part-3", _halves("e"))
    assert dataset.remove_orphans(OUTPUTS, "f1") == 1
    assert dataset.committed(SECONDARY, "f1") == {"part-1", "part-2"}
    assert dataset.committed(SECONDARY, "f2") == {"part-3"}


def test_plans_come_back_oldest_first(dataset: Dataset) -> None:
    parts = [make_part([(f"k{number}", "1"), (f"l{number}", "2")]) for number in range(25)]
    for part in parts:
        dataset.append_plan(PRIMARY.folder, "f1", [part])
    assert dataset.read_plan(PRIMARY.folder, "f1") == parts
    assert dataset.read_plan(PRIMARY.folder, "f2") == []


def test_whole_tables_come_back_and_are_missed_by_name(dataset: Dataset) -> None:
    dataset.write_table("whole.parquet", DOUBLED, _doubled("a"))
    assert dataset.read_table("whole.parquet", DOUBLED).equals(_doubled("a"))
    with pytest.raises(DatasetError, match=r"other.parquet is missing; `just curate` writes it"):
        dataset.read_table("other.parquet", DOUBLED)


def test_the_same_table_gives_the_same_bytes(dataset: Dataset, tmp_path: Path) -> None:
    other = Dataset(str(tmp_path / "other"))
    other.write_part(PRIMARY, "f1", "part-1", _doubled("a", "b"))
    key = dataset.part_key(PRIMARY, "f1", "part-1")
    assert other.store.read(key) == dataset.store.read(key)


def test_the_record_comes_back_and_a_folder_without_one_is_no_dataset(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match=r"is no dataset: it holds no run.json; `just curate` makes one"):
        dataset.read_record()
    dataset.write_record({"rows": 3, "config": {"seed": 1}})
    assert dataset.read_record() == {"rows": 3, "config": {"seed": 1}}
