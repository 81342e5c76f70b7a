"""References to images and vectors by part file and key, so that neither travels through the engine.

A stage's input row carries the path of a part file (`part`) and a key; the worker reads the column it needs from that
file. Rows of one part tend to refer to few files, so the most recent ones are cached.

    jpeg = PartReader(dataset.store.address, "still_id", "image").get(part, still_id)
"""

import io
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage.store import Store

_KEPT = 4
REFERENCE = pa.struct([("key", pa.string()), ("part", pa.string())])


class PartReader:
    """Reads one column of part files by key."""

    def __init__(self, dataset_uri: str, key: str, column: str) -> None:
        self._store = Store(dataset_uri)
        self._names = (key, column)
        self._cache: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def get(self, part: str, key: str) -> Any:
        """The column's value in the row with this key. Raises `KeyError` if the part file has no such row."""
        if part not in self._cache:
            table = pq.read_table(io.BytesIO(self._store.read(part)), columns=list(self._names))
            keys, values = (table[name].to_pylist() for name in self._names)
            self._cache[part] = dict(zip(keys, values, strict=True))
            while len(self._cache) > _KEPT:
                self._cache.popitem(last=False)
        self._cache.move_to_end(part)
        return self._cache[part][key]


def group_references(rows: pa.Table, parent: str, key: str) -> dict[str, list[dict[str, str]]]:
    """References to `rows` (which have a `part` column), by parent id, sorted by key."""
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows.select([parent, key, "part"]).sort_by(key).to_pylist():
        groups.setdefault(row[parent], []).append({"key": row[key], "part": row["part"]})
    return groups


def keys_of(references: Sequence[dict[str, str]]) -> list[str]:
    """The keys of references, without the part files."""
    return [reference["key"] for reference in references]
