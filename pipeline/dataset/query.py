"""Queries over the tables of a dataset by DuckDB, in bounded memory: what does not fit is spilled to temporary files.

Tables are Parquet files, on this machine or in an object store, and stay there: a query reads the columns that it
names, and its result goes to the next query or to a file without becoming Python rows.

    with querying(dataset.store) as connection:
        clips = parquet(connection, dataset.store, keys, ["clip_id", "motion"])
        connection.sql("SELECT count(*) FROM clips WHERE motion > 1").fetchall()
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.storage.store import Store

MEMORY_GIGABYTES = 2.0
"""What a connection may hold before it spills. DuckDB's own overhead and Arrow's results come on top."""
Connection = duckdb.DuckDBPyConnection
Relation = duckdb.DuckDBPyRelation


@contextmanager
def querying(store: Store, memory_gigabytes: float = MEMORY_GIGABYTES) -> Iterator[Connection]:
    """A connection that can read the files of `store`; its temporary files go with it."""
    with tempfile.TemporaryDirectory(prefix="cutroom-tables-") as folder:
        settings: dict[str, Any] = {
            "memory_limit": f"{memory_gigabytes:g}GB",
            "temp_directory": folder,
            "threads": os.cpu_count() or 1,
            "autoinstall_known_extensions": False,
        }
        connection = duckdb.connect(config=settings)
        try:
            if not store.is_local:
                connection.register_filesystem(store.filesystem)
            yield connection
        finally:
            connection.close()


def parquet(
    connection: Connection, store: Store, keys: Sequence[str], schema: pa.Schema, part_column: str | None = None
) -> Relation:
    """The columns of `schema` in the Parquet files `keys` of `store`, without any file as an empty table.

    With `part_column` a column of that name has each row's key in `store`.
    """
    columns = ", ".join(f'"{name}"' for name in schema.names)
    if not keys:
        fields = schema if part_column is None else schema.append(pa.field(part_column, pa.string()))
        return connection.from_arrow(fields.empty_table())
    paths = [store.query_path(key) for key in keys]
    if part_column is not None:
        # How many slashes follow a scheme differs between what is asked for and what comes back.
        root = store.query_root.replace("'", "''")
        columns += (
            f""", substr(filename, strpos(filename, '{root}/') + {len(store.query_root) + 1}) AS "{part_column}\""""
        )
    query = f"SELECT {columns} FROM read_parquet($paths, filename = true, union_by_name = true)"  # noqa: S608
    return connection.sql(query, params={"paths": paths})
