"""Reads rows of one file of a table by their keys: only the row groups that can hold them, and only some columns.

A part file holds the rows of a few sources, the file of a slice those of a thousand, sorted by key. Parquet states the
least and the greatest value of a column in every row group, so that a worker reads the rows of its group of sources,
or the picture of one still, and not the whole file.

    PartFile(dataset.store, "stills/<fingerprint>/slice-000000-5f1d2c3b.parquet").rows("clip_id", keys, ["still_id"])
"""

import io
from bisect import bisect_left
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.storage.patient import PatientFileSystem
from pipeline.storage.store import Store
from schemas.errors import DatasetError

_SMALL_BYTES = 4 << 20
"""An object that is no larger is read at once: that is one request, and the footer alone would be as many."""


class PartFile:
    """A file of a table. Raises `FileNotFoundError` if there is none, `DatasetError` if it is damaged."""

    def __init__(self, store: Store, key: str) -> None:
        try:
            self._file = pq.ParquetFile(_opened(store, key))
        except pa.ArrowInvalid as error:
            reason = " ".join(str(error).split())
            raise DatasetError(
                f"{store.path(key)} is damaged ({reason}); remove it and curate again, which makes its rows anew"
            ) from None

    def rows(self, column: str, keys: Collection[str] | None, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows whose `column` is among `keys` (None: all), in the file's order; `columns` None: all of them."""
        if keys is None:
            return self._file.read(columns=columns)
        wanted = pa.array(sorted(keys), pa.string())
        read = None if columns is None else list(dict.fromkeys([*columns, column]))
        table = self._file.read_row_groups(self.groups(column, wanted.to_pylist()), columns=read)
        table = table.filter(pc.is_in(table[column], value_set=wanted))
        return table if columns is None else table.select(list(columns))

    def group(self, number: int, columns: Sequence[str]) -> pa.Table:
        """Some columns of one row group."""
        return self._file.read_row_group(number, columns=columns)

    def groups(self, column: str, keys: Sequence[str]) -> list[int]:
        """The row groups that can hold some of `keys`, which are sorted."""
        limits = [self._limits(column, number) for number in range(self._file.num_row_groups)]
        return [number for number, limit in enumerate(limits) if limit is None or _within(keys, *limit)]

    def _limits(self, column: str, number: int) -> tuple[str, str] | None:
        statistics = self._metadata.row_group(number).column(self._places[column]).statistics
        if statistics is None or not statistics.has_min_max:
            return None
        return statistics.min, statistics.max

    @property
    def _metadata(self) -> pq.FileMetaData:
        return self._file.metadata

    @cached_property
    def _places(self) -> dict[str, int]:
        group = self._metadata.row_group(0)
        return {group.column(place).path_in_schema: place for place in range(group.num_columns)}


def _within(keys: Sequence[str], least: str, greatest: str) -> bool:
    place = bisect_left(keys, least)
    return place < len(keys) and keys[place] <= greatest


def _opened(store: Store, key: str) -> Any:
    if store.is_local:
        return store.open(key)
    if store.stat(key).size <= _SMALL_BYTES:
        return io.BytesIO(store.read(key))
    return cast(IO[bytes], PatientFileSystem(store.filesystem).open(store.query_path(key)))
