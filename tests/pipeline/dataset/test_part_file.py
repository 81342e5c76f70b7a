"""Rows of a file by their keys: the same as of the whole file filtered, from as few row groups as can hold them.

python -m pytest tests/pipeline/dataset/test_part_file.py
"""

import tempfile

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.part_file import PartFile
from pipeline.storage.store import Store

_IDS = [f"{video:02x}-{clip}" for video in range(20) for clip in range(3)]


@given(st.permutations(_IDS), st.lists(st.sampled_from([*_IDS, "zz", ""]), unique=True), st.integers(1, 30))
def test_the_rows_of_keys_are_those_of_the_file(ids: list[str], keys: list[str], size: int) -> None:
    table = pa.table({"id": ids, "n": list(range(len(ids)))})
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(table, f"{folder}/t.parquet", row_group_size=size)
        file = PartFile(Store(folder), "t.parquet")
        expected = [place for place, each in enumerate(ids) if each in keys]
        assert file.rows("id", keys).equals(table.take(pa.array(expected, pa.int64())))
        assert file.rows("id", keys, ["n"])["n"].to_pylist() == expected
        assert file.rows("id", None).equals(table)
        assert file.rows("id", None, ["n"]).column_names == ["n"]


def test_of_a_sorted_file_only_the_groups_around_a_key_are_read(tmp_path: object) -> None:
    pq.write_table(pa.table({"id": sorted(_IDS)}), f"{tmp_path}/t.parquet", row_group_size=6)
    file = PartFile(Store(str(tmp_path)), "t.parquet")
    assert file.groups("id", ["05-0", "05-2"]) == [2]
    assert file.groups("id", ["zz"]) == []
    assert file.group(2, ["id"])["id"].to_pylist() == sorted(_IDS)[12:18]


def test_an_empty_file_has_no_rows_for_any_key(tmp_path: object) -> None:
    pq.write_table(pa.table({"id": pa.array([], pa.string())}), f"{tmp_path}/t.parquet")
    assert len(PartFile(Store(str(tmp_path)), "t.parquet").rows("id", ["a"])) == 0
