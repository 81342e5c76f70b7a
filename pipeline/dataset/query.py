"""Queries over the tables of a dataset by DuckDB, in bounded memory: what does not fit is spilled to temporary files.

Tables are Parquet files, on this machine or in an object store, and stay there: a query reads the columns that it
names, and its result goes to the next query or to a file without becoming Python rows.

    with querying(dataset.store) as connection:
        clips = parquet(connection, dataset.store, keys, ["clip_id", "motion"])
        connection.sql("SELECT count(*) FROM clips WHERE motion > 1").fetchall()
"""

import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage.patient import PatientFileSystem
from pipeline.storage.store import Store

MEMORY_GIGABYTES = 2.0
"""What a connection may hold before it spills. DuckDB's own overhead and Arrow's results come on top."""
BATCH_ROWS = 100_000
"""Rows of a result that are held at once."""
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
            connection.execute("SET enable_progress_bar = false")  # standard output is for data
            if not store.is_local:
                connection.register_filesystem(PatientFileSystem(store.filesystem))
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
    return connection.read_parquet(paths, filename=True, union_by_name=True).project(columns)


def spooled(connection: Connection, schema: pa.Schema, tables: Iterable[pa.Table]) -> Relation:
    """A stream of tables as a relation that can be read many times: a temporary file, gone with the connection."""
    path = _temporary(connection)
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        for table in tables:
            writer.write_table(table)
    return connection.read_parquet(path)


def stored(connection: Connection, rows: Relation) -> Relation:
    """The rows of a query that is read more than once, in their order: a temporary file, gone with the connection."""
    path = _temporary(connection)
    rows.write_parquet(path, compression="snappy")
    return connection.read_parquet(path)


def _temporary(connection: Connection) -> str:
    folder = connection.sql("SELECT current_setting('temp_directory')").fetchall()[0][0]
    return str(Path(folder) / f"spooled-{uuid.uuid4().hex}.parquet")


def batches(relation: Relation, rows: int = BATCH_ROWS) -> Iterator[pa.Table]:
    """The rows of a relation as a stream of tables. Its connection answers nothing else until the stream is read."""
    for batch in relation.to_arrow_reader(rows):
        yield pa.Table.from_batches([batch])


def text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def texts(values: Iterable[str]) -> str:
    """Texts as SQL writes them after IN."""
    return f"({', '.join(map(text, sorted(values))) or 'NULL'})"
