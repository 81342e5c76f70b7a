"""References: a column's value by part file and key, read once per file.

python -m pytest tests/pipeline/dataset/test_references.py
"""

from pathlib import Path
from typing import IO

import pyarrow as pa
import pytest

from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.dataset.references import PartReader, group_references, keys_of
from pipeline.storage.store import Store
from tests.pipeline.toy import DOUBLED, OUTPUTS


def _dataset(folder: Path, parts: int) -> tuple[Dataset, pa.Table]:
    dataset = Dataset(str(folder))
    for part in range(parts):
        rows = [
            {"id": f"{part}-{row}", "double": 10 * part + row, "status": "ok", "error": None, "attempts": 1}
            for row in range(3)
        ]
        dataset.write_part(OUTPUTS[0], "f1", f"part-{part}", DOUBLED.table(rows))
    return dataset, dataset.read_parts(OUTPUTS[0], "f1", {f"part-{part}": None for part in range(parts)})


def test_every_row_is_found_by_its_part_and_key(tmp_path: Path) -> None:
    dataset, table = _dataset(tmp_path, 7)
    reader = PartReader(dataset.store.uri, "id", "double")
    rows = table.to_pylist()
    for row in [*rows, *reversed(rows), *rows[::3]]:
        assert reader.get(row[PART_COLUMN], row["id"]) == row["double"]


def test_a_key_that_is_not_in_the_part_is_an_error(tmp_path: Path) -> None:
    dataset, _ = _dataset(tmp_path, 2)
    with pytest.raises(KeyError):
        PartReader(dataset.store.uri, "id", "double").get("doubled/f1/part-0.parquet", "1-0")


def test_rows_of_one_part_read_its_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, table = _dataset(tmp_path, 2)
    read: list[str] = []
    plain = Store.open

    def spy(store: Store, key: str) -> IO[bytes]:
        read.append(key)
        return plain(store, key)

    monkeypatch.setattr(Store, "open", spy)
    reader = PartReader(dataset.store.uri, "id", "double")
    for row in table.to_pylist():
        reader.get(row[PART_COLUMN], row["id"])
    assert read == ["doubled/f1/part-0.parquet", "doubled/f1/part-1.parquet"]


def test_references_are_grouped_by_parent_in_the_order_of_their_keys() -> None:
    table = pa.table(
        {"clip": ["b", "a", "b"], "still": ["b-2", "a-1", "b-1"], "part": ["p2", "p1", "p1"], "x": [1, 2, 3]}
    )
    groups = group_references(table, "clip", "still")
    assert groups == {
        "a": [{"key": "a-1", "part": "p1"}],
        "b": [{"key": "b-1", "part": "p1"}, {"key": "b-2", "part": "p2"}],
    }
    assert keys_of(groups["b"]) == ["b-1", "b-2"]
