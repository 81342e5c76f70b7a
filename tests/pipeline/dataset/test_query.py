"""Queries over Parquet files: the columns that are named, in memory that is bounded, local and in an object store.

python -m pytest tests/pipeline/dataset/test_query.py
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.dataset.query import parquet, querying
from pipeline.storage.store import Store
from tests.faulty_store import faults
from tests.object_store import s3_server

SCHEMA = pa.schema([("id", pa.string()), ("value", pa.int64())])


def _write(store: Store, key: str, values: list[int]) -> None:
    table = pa.table({"id": [f"r{value}" for value in values], "value": values, "unread": values})
    with store.writing(key) as file:
        pq.write_table(table, file)


def _read(store: Store, keys: list[str]) -> list[tuple[str, int, str]]:
    with querying(store) as connection:
        rows: list[tuple[str, int, str]] = parquet(connection, store, keys, SCHEMA, "part").order("value").fetchall()
        return rows


def test_rows_come_with_the_key_of_their_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "it's a folder")
    _write(store, "t/f/part-1.parquet", [1, 2])
    _write(store, "t/f/part-2.parquet", [3])
    keys = ["t/f/part-1.parquet", "t/f/part-2.parquet"]
    assert _read(store, keys) == [("r1", 1, keys[0]), ("r2", 2, keys[0]), ("r3", 3, keys[1])]


def test_no_file_is_an_empty_table(tmp_path: Path) -> None:
    assert _read(Store(tmp_path), []) == []


def test_files_in_an_object_store() -> None:
    with s3_server("raw") as uri:
        store = Store(f"{uri}/set")
        _write(store, "t/f/part-1.parquet", [7])
        assert _read(store, ["t/f/part-1.parquet"]) == [("r7", 7, "t/f/part-1.parquet")]


def test_more_than_the_memory_is_spilled_and_the_spill_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    query = "SELECT count(*) FROM (SELECT range AS n, hash(range) AS h FROM range(4000000) ORDER BY h LIMIT 3900000)"
    with querying(Store(tmp_path / "set"), memory_gigabytes=0.1) as connection:
        assert connection.sql(query).fetchall() == [(3900000,)]
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", ["refused", "cut", "shortened"])
def test_a_query_over_a_bad_network_reads_everything(fault: str) -> None:
    values = list(range(3000))
    with s3_server("raw") as uri:
        keys = [f"t/f/part-{number}.parquet" for number in range(8)]
        for key in keys:
            _write(Store(f"{uri}/set"), key, values)
        with faults(5, **({"refused": 0.0, "cut": 0.0, "shortened": 0.0, "slow": 0.0} | {fault: 0.15})) as proxy:
            assert len(_read(Store(f"{uri}/set"), keys)) == len(keys) * len(values)
    assert proxy.counts[fault] > 0
