"""Tables as bytes in a cell, in Arrow's own stream format.

table = read_rows(write_rows(table))
"""

import io

import pyarrow as pa


def write_rows(table: pa.Table) -> bytes:
    """A table as the bytes of an Arrow IPC stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def read_rows(data: bytes) -> pa.Table:
    """The table in the bytes of an Arrow IPC stream."""
    return pa.ipc.open_stream(data).read_all()
