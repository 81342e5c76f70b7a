"""Digests of the rows of a table, column by column: millions of rows without a Python object for each value.

Two rows have the same digest if, and only if, they have the same values in columns of the same names and widths (up to
collisions of 64 bits), whatever the batches of their table. Used where a digest is kept and compared in a later run.

    digests = row_digests(table.select(["sample_id", "scores"]), "description", 1)      # string [rows]
"""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise
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
        cells = [part for column in batch.columns for part in _cells(column, edges)]
        _, offsets, data = pc.binary_join_element_wise(*cells, pa.scalar(b"", pa.large_binary())).buffers()
        content, places = memoryview(data or b""), np.frombuffer(offsets, np.int64)[: len(batch) + 1].tolist()
        for first, last in pairwise(places):
            checksum = start.copy()
            checksum.update(content[first:last])
            texts.append(checksum.hexdigest())
    return pa.array(texts, pa.string())


def _cells(array: Any, edges: NDArray[Any]) -> Iterator[pa.Array]:
    """The bytes of the values of each row, of which row n has those from `edges[n]` to `edges[n + 1]` of an array.

    Several arrays for a type with parts. Lengths go before what they count, so no two different values give the same
    bytes.
    """
    yield _fixed(array.is_valid(), edges)
    kind = array.type
    if pa.types.is_struct(kind):
        for child in array.flatten():
            yield from _cells(child, edges)
    elif pa.types.is_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        yield _fixed(pa.array(lengths), edges)
        yield from _cells(array.flatten(), np.concatenate([[0], np.cumsum(lengths)])[edges])
    elif pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        values = pc.fill_null(array.cast(pa.large_binary()), b"")
        _, offsets, data = values.buffers()
        places = np.frombuffer(offsets, np.int64)[values.offset : values.offset + len(values) + 1]
        places = places if len(values) else np.zeros(1, np.int64)
        yield _fixed(pa.array(np.diff(places)), edges)
        yield _slices(data, places[edges])
    else:
        yield _fixed(array, edges)


def _fixed(array: Any, edges: NDArray[Any]) -> pa.Array:
    """The bytes of values of fixed width; null as 0."""
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    values = np.ascontiguousarray(pc.fill_null(array, 0).to_numpy(zero_copy_only=False))
    return _slices(pa.py_buffer(values.tobytes()), edges * values.dtype.itemsize)


def _slices(content: pa.Buffer | None, edges: NDArray[Any]) -> pa.Array:
    offsets = pa.py_buffer(np.ascontiguousarray(edges, np.int64))
    return pa.Array.from_buffers(pa.large_binary(), len(edges) - 1, [None, offsets, content or pa.py_buffer(b"")])
