"""Digests of the rows of a table, column by column: millions of rows without a Python object for each value.

Two rows have the same digest if, and only if, they have the same values in columns of the same names and widths (up to
collisions of 64 bits), whatever the batches of their table. Used where a digest is kept and compared in a later run.

    digests = row_digests(table.select(["sample_id", "scores"]), "description", 1)      # string [rows]
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.ids import digest

_ROWS = 1 << 14


def row_digests(table: pa.Table, *context: object) -> pa.Array:
    """16 hex digits for each row, which also depend on the `context` and on the names of the columns."""
    start = blake2b(digest(*context, table.column_names).encode(), digest_size=8)
    texts: list[str] = []
    for batch in table.to_batches(max_chunksize=_ROWS):
        edges = np.arange(len(batch) + 1)
        cells = [part for column in batch.columns for part in _cells(column, edges[:-1], edges[1:])]
        for row in zip(*cells, strict=True):
            checksum = start.copy()
            checksum.update(b"".join(row))
            texts.append(checksum.hexdigest())
    return pa.array(texts, pa.string())


def _cells(array: Any, starts: NDArray[Any], stops: NDArray[Any]) -> Iterator[list[Any]]:
    """The bytes of the values `starts` to `stops` of an array, for each pair; several lists for a type with parts.

    Lengths go before what they count, so no two different values give the same bytes.
    """
    yield _slices(_fixed(array.is_valid()), starts, stops)
    kind = array.type
    if pa.types.is_struct(kind):
        for child in array.flatten():
            yield from _cells(child, starts, stops)
    elif pa.types.is_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        yield _slices(_fixed(pa.array(lengths)), starts, stops)
        edges = np.concatenate([[0], np.cumsum(lengths)])
        yield from _cells(array.flatten(), edges[starts], edges[stops])
    elif pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        values = pc.fill_null(array.cast(pa.large_binary()), b"")
        _, offsets, data = values.buffers()
        edges = np.frombuffer(offsets, np.int64)[values.offset : values.offset + len(values) + 1]
        edges = edges if len(values) else np.zeros(1, np.int64)
        yield _slices(_fixed(pa.array(np.diff(edges))), starts, stops)
        content = memoryview(data) if data is not None else memoryview(b"")
        yield [content[first:last] for first, last in _pairs(edges[starts], edges[stops])]
    else:
        yield _slices(_fixed(array), starts, stops)


def _fixed(array: Any) -> NDArray[Any]:
    """The values of an array of fixed width as bytes [values, width]; null as 0."""
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    values = np.ascontiguousarray(pc.fill_null(array, 0).to_numpy(zero_copy_only=False))
    return values.view(np.uint8).reshape(len(values), values.dtype.itemsize)


def _slices(values: NDArray[Any], starts: NDArray[Any], stops: NDArray[Any]) -> list[bytes]:
    content, width = values.tobytes(), values.shape[1]
    return [content[first:last] for first, last in _pairs(starts * width, stops * width)]


def _pairs(starts: NDArray[Any], stops: NDArray[Any]) -> Iterator[Sequence[int]]:
    return zip(starts.tolist(), stops.tolist(), strict=True)
