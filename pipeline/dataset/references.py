"""References to images and vectors by part file and key, so that neither travels through the engine.

A stage's input row carries the path of a part file (`part`) and a key; the worker reads the column it needs from that
file, a row group at a time. Rows of one part tend to refer to few files, so the most recent values are kept.

    jpeg = PartReader(dataset.store.address, "still_id", "image").get("still_images/…", still_id)
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from pipeline.dataset.part_file import PartFile
from pipeline.storage.store import Store

_FILES, _ROWS = 8, 512
REFERENCE = pa.struct([("key", pa.string()), ("part", pa.string())])


class PartReader:
    """Reads one column of part files by key. Keeps the last files, and the last values."""

    def __init__(self, dataset_uri: str, key: str, column: str) -> None:
        self._store = Store(dataset_uri)
        self._names = (key, column)
        self._files: OrderedDict[str, PartFile] = OrderedDict()
        self._values: OrderedDict[tuple[str, str], Any] = OrderedDict()

    def get(self, part: str, key: str) -> Any:
        """The column's value in the row with this key. Raises `KeyError` if the part file has no such row."""
        if (part, key) not in self._values:
            self._read(part, key)
        self._values.move_to_end((part, key))
        return self._values[part, key]

    def _read(self, part: str, key: str) -> None:
        """Take all values of the row group with this key: its neighbours are asked for next."""
        if part not in self._files:
            self._files[part] = PartFile(self._store, part)
        self._files.move_to_end(part)
        for number in self._files[part].groups(self._names[0], [key]):
            keys, values = (column.to_pylist() for column in self._files[part].group(number, self._names).columns)
            if key in keys:
                self._values |= {(part, each): value for each, value in zip(keys, values, strict=True)}
                break
        else:
            raise KeyError(key)
        _forget(self._files, _FILES)
        _forget(self._values, _ROWS)


def _forget(kept: OrderedDict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)


def group_references(rows: pa.Table, parent: str, key: str) -> dict[str, list[dict[str, str]]]:
    """References to `rows` (which have a `part` column), by parent id, sorted by key."""
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows.select([parent, key, "part"]).sort_by(key).to_pylist():
        groups.setdefault(row[parent], []).append({"key": row[key], "part": row["part"]})
    return groups


def keys_of(references: Sequence[dict[str, str]]) -> list[str]:
    """The keys of references, without the part files."""
    return [reference["key"] for reference in references]
