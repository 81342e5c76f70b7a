"""Whole tables in one file or in several: written from a stream, compared with what stood, replaced in one step.

python -m pytest tests/pipeline/dataset/test_whole_tables.py
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset import whole_tables
from pipeline.dataset.folder import Dataset
from pipeline.dataset.query import querying
from pipeline.dataset.whole_tables import Written, files_of, in_groups, read_whole
from schemas.contract import Column, TableContract
from schemas.errors import ContractError, DatasetError
from tests.object_store import s3_server

KEY = "fruit/fruit.parquet"
FRUIT = TableContract(
    name="fruit",
    key="name",
    doc="one row per fruit",
    columns=(
        Column(name="name", type=pa.string(), doc="its name"),
        Column(name="grams", type=pa.float64(), doc="its mass", optional=True),
    ),
)


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_tables, "ROWS_PER_FILE", 4)
    monkeypatch.setattr(whole_tables, "ROWS_PER_GROUP", 2)


def rows(count: int, **changed: float) -> pa.Table:
    names = [f"fruit {number}" for number in range(count)]
    return pa.table({"name": names, "grams": [changed.get(f"at{place}", float(place)) for place in range(count)]})


def stream(table: pa.Table, size: int) -> Iterator[pa.Table]:
    return (table.slice(at, size) for at in range(0, len(table), size))


def test_few_rows_are_one_file_and_many_are_numbered_files_beside_it(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    assert dataset.write_table(KEY, FRUIT, rows(4)) == Written(rows=4, differing=4, changed=True)
    assert [path.name for path in (tmp_path / "fruit").iterdir()] == ["fruit.parquet"]
    assert dataset.write_table(KEY, FRUIT, stream(rows(11), 3)) == Written(rows=11, differing=7, changed=True)
    names = sorted(path.name for path in (tmp_path / "fruit").iterdir())
    assert [name[:13] for name in names] == ["fruit-000001-", "fruit-000002-", "fruit.parquet"]
    assert dataset.read_table(KEY, FRUIT).equals(rows(11))
    assert pads.dataset(tmp_path / "fruit").to_table().sort_by("name").equals(rows(11).sort_by("name"))
    with querying(dataset.store) as connection:
        relation = dataset.relation(connection, KEY, FRUIT, ["grams"])
        assert sorted(grams for (grams,) in relation.fetchall()) == list(range(11))


def test_files_whose_rows_did_not_change_are_not_written_again(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    dataset.write_table(KEY, FRUIT, rows(11))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "fruit").iterdir()}
    assert dataset.write_table(KEY, FRUIT, stream(rows(11), 5)) == Written(rows=11, differing=0, changed=False)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "fruit").iterdir()} == before
    assert dataset.write_table(KEY, FRUIT, rows(11, at9=0.5)) == Written(rows=11, differing=1, changed=True)
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "fruit").iterdir()}
    assert [path.name[:13] for path in before if after.get(path) == before[path]] == ["fruit-000001-"]
    assert len(after) == 3


@given(st.lists(st.integers(0, 5)), st.integers(1, 4))
def test_groups_do_not_depend_on_how_the_stream_is_cut(sizes: list[int], group: int) -> None:
    table = rows(sum(sizes))
    ends = [sum(sizes[:place]) for place in range(len(sizes))]
    groups = list(in_groups((table.slice(end, size) for end, size in zip(ends, sizes, strict=True)), group))
    assert all(len(part) == group for part in groups[:-1])
    assert all(len(part) for part in groups)
    assert pa.concat_tables([table.slice(0, 0), *groups]).equals(table)


def test_a_kill_at_any_write_leaves_the_old_table_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = whole_tables._put
    old, new = rows(11), rows(13, at2=0.5, at6=0.5)
    for writes in range(4):
        dataset = Dataset(str(tmp_path / str(writes)))
        dataset.write_table(KEY, FRUIT, old)
        done = iter(range(writes))

        def fail(*arguments: object, done: Iterator[int] = done) -> None:
            if next(done, None) is None:
                raise KeyboardInterrupt
            put(*arguments)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(whole_tables, "_put", fail)
            with pytest.raises(KeyboardInterrupt):
                dataset.write_table(KEY, FRUIT, new)
        assert dataset.read_table(KEY, FRUIT).equals(old)
        dataset.write_table(KEY, FRUIT, new)
        assert dataset.read_table(KEY, FRUIT).equals(new)
        assert len(list((tmp_path / str(writes) / "fruit").iterdir())) == 4, "what the kill left is gone"


def test_keys_twice_in_different_groups_are_refused(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    with pytest.raises(ContractError, match="name is its key, but some values occur twice"):
        dataset.write_table(KEY, FRUIT, [rows(5), rows(1)])
    with pytest.raises(ContractError, match="not finite: grams"):
        dataset.write_table(KEY, FRUIT, rows(5, at4=float("inf")))
    assert not (tmp_path / KEY).exists()


def test_a_missing_or_damaged_file_is_named_and_written_anew(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    with querying(dataset.store) as connection, pytest.raises(DatasetError, match=r"fruit.parquet is missing"):
        dataset.relation(connection, KEY, FRUIT)
    dataset.write_table(KEY, FRUIT, rows(9))
    (tmp_path / KEY).write_bytes(b"nonsense")
    with pytest.raises(DatasetError, match=r"fruit.parquet is damaged .* remove it and curate again"):
        files_of(dataset.store, KEY)
    assert dataset.write_table(KEY, FRUIT, rows(9)).differing == 9
    (tmp_path / files_of(dataset.store, KEY)[1]).unlink()
    with pytest.raises(DatasetError, match=r"fruit-000001-.*is missing"):
        dataset.read_table(KEY, FRUIT)
    dataset.write_table(KEY, FRUIT, rows(9))
    assert dataset.read_table(KEY, FRUIT).equals(rows(9))


def test_no_row_is_an_empty_file(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    assert dataset.write_table(KEY, FRUIT, []) == Written(rows=0, differing=0, changed=True)
    assert dataset.read_table(KEY, FRUIT).equals(FRUIT.empty())


def test_in_an_object_store() -> None:
    with s3_server("tables") as uri:
        dataset = Dataset(f"{uri}/set")
        for count in (11, 3):
            dataset.write_table(KEY, FRUIT, rows(count))
            assert read_whole(dataset.store, KEY).equals(rows(count))
            assert len(dataset.store.names("fruit")) == (count + 3) // 4
