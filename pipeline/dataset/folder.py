"""The dataset folder that a curation run writes: part files, plans, whole tables, and the run's record.

    <table>/<fingerprint>/part-<hash>.parquet     a committed part; written atomically
    .plans/<table>/<fingerprint>/plan-<n>.parquet which rows belong to which part
    ledger.parquet, shards/index.parquet          whole tables
    run.json                                      config, versions, fingerprints, counts and times of the last run

Every read and write is checked against the table's contract. A folder of part files contains nothing else, so that any
Parquet reader can open the folder. Files and types of earlier versions are still read; `migration.py` moves them before
a run.

    samples = Dataset("datasets/demo").read_table(INDEX, SAMPLES)
"""

import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.plan import Part
from pipeline.dataset.whole_tables import Written, read_whole, rows_of, schema_of, write_rows
from pipeline.stage import Output
from pipeline.storage.store import Store
from schemas.contract import TableContract
from schemas.errors import ContractError, DatasetError

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

_PLAN_SCHEMA = pa.schema([("part", pa.string()), ("key", pa.string()), ("identity", pa.string())])
PART_COLUMN = "part"
PLANS = ".plans"
# The layout of the folder, as `run.json` says it; none: 1.
FORMAT = 2
# Whole tables that earlier versions wrote at another place.
FORMER_PLACES = {"sample_spans/sample_spans.parquet": "selection/sample_spans.parquet"}


def is_part(name: str) -> bool:
    """Whether a file name is that of a part file."""
    return name.startswith("part-") and name.endswith(".parquet")


def is_plan(name: str) -> bool:
    """Whether a file name is that of a plan."""
    return name.startswith("plan-") and name.endswith(".parquet")


class Dataset:
    """A dataset folder, local or in an object store."""

    def __init__(self, uri: str) -> None:
        self.store = Store(uri)

    # --- parts -------------------------------------------------------------------------------------------------

    def part_key(self, output: Output, fingerprint: str, part: str) -> str:
        """The path of a part file relative to the dataset."""
        return f"{output.folder}/{fingerprint}/{part}.parquet"

    def write_part(self, output: Output, fingerprint: str, part: str, table: pa.Table) -> None:
        """Commit a part file atomically, after checking its contract."""
        key = self.part_key(output, fingerprint, part)
        self.write_file(key, output.contract.check(table), media=output.media)

    def committed(self, output: Output, fingerprint: str) -> set[str]:
        """Names of the parts whose file exists."""
        files = self.store.list(f"{output.folder}/{fingerprint}")
        names = (file.key.rsplit("/", 1)[1] for file in files)
        return {name.removesuffix(".parquet") for name in names if is_part(name)}

    def remove_orphans(self, outputs: Sequence[Output], fingerprint: str) -> int:
        """Remove part files of secondary tables whose primary part was never committed; returns their number."""
        done = self.committed(outputs[0], fingerprint)
        orphans = [(output, part) for output in outputs[1:] for part in self.committed(output, fingerprint) - done]
        for output, part in orphans:
            self.store.remove(self.part_key(output, fingerprint, part))
        return len(orphans)

    def read_parts(
        self,
        output: Output,
        fingerprint: str,
        served: Mapping[str, Collection[str] | None],
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """The rows that belong to served input rows, with the path of their part file in the column `part`.

        `served` maps part names to the keys of the input rows to take (None: all). Contracts are checked on the whole
        file, or not at all if `columns` are given (counting stills need not read their images).
        """
        contract_schema = output.contract.schema
        schema = contract_schema if columns is None else pa.schema([contract_schema.field(name) for name in columns])
        tables = [schema.append(pa.field(PART_COLUMN, pa.string())).empty_table()]
        for part in sorted(served):
            key = self.part_key(output, fingerprint, part)
            # Which input row a row belongs to is asked below, also where the column is not wanted itself.
            read = None if columns is None else list(dict.fromkeys([*columns, output.parent]))
            table = pq.read_table(io.BytesIO(self.store.read(key)), columns=read)
            table = output.contract.modern(table)
            if columns is None:
                output.contract.check(table)
            keys = served[part]
            if keys is not None:
                wanted_keys = pa.array(list(keys), pa.string())
                table = table.filter(pc.is_in(table[output.parent], value_set=wanted_keys))
            table = table if columns is None else table.select(list(columns))
            tables.append(table.append_column(PART_COLUMN, pa.array([key] * len(table), pa.string())))
        return pa.concat_tables(tables)

    # --- plans -------------------------------------------------------------------------------------------------

    def read_plan(self, folder: str, fingerprint: str) -> list[Part]:
        """The parts of a table's folder planned so far, oldest first."""
        parts: dict[str, list[tuple[str, str]]] = {}
        for _, key in sorted(self._plans(folder, fingerprint).items()):
            for row in pq.read_table(io.BytesIO(self.store.read(key))).to_pylist():
                parts.setdefault(row["part"], []).append((row["key"], row["identity"]))
        return [Part(name, tuple(rows)) for name, rows in parts.items()]

    def append_plan(self, folder: str, fingerprint: str, parts: Sequence[Part]) -> None:
        """Record newly planned parts, before any of them is computed."""
        count = len(self._plans(folder, fingerprint))
        rows = [{"part": part.name, "key": key, "identity": identity} for part in parts for key, identity in part.rows]
        key = f"{PLANS}/{folder}/{fingerprint}/plan-{count:04d}.parquet"
        self.write_file(key, pa.Table.from_pylist(rows, schema=_PLAN_SCHEMA))

    def _plans(self, folder: str, fingerprint: str) -> dict[str, str]:
        """The path of every plan by its file name; one that an earlier version left among the parts counts too."""
        parts = f"{folder}/{fingerprint}"
        keys = [file.key for parent in (parts, f"{PLANS}/{parts}") for file in self.store.list(parent)]
        named = {key.rsplit("/", 1)[1]: key for key in keys}
        return {name: key for name, key in named.items() if is_plan(name)}

    # --- whole tables and the record ---------------------------------------------------------------------------

    def write_table(self, key: str, contract: TableContract, tables: pa.Table | Iterable[pa.Table]) -> Written:
        """Write a whole table or a stream of its rows, after checking its contract; see `whole_tables.py`."""
        return write_rows(self.store, key, contract, [tables] if isinstance(tables, pa.Table) else tables)

    def read_table(self, key: str, contract: TableContract) -> pa.Table:
        """Read a whole table into memory. Raises `DatasetError` if it is missing, damaged, or of another version."""
        table = self._read(key)
        if table is None:
            raise DatasetError(f"{self.store.path(key)} is missing; `just curate` writes it at its end")
        with self._told(key):
            return contract.check(contract.modern(table))

    def relation(
        self, connection: "Connection", key: str, contract: TableContract, columns: Sequence[str] | None = None
    ) -> "Relation":
        """A whole table, or some of its columns, for DuckDB, in no particular order. Raises as `read_table` does."""
        there = self._place(key)
        if there is None:
            raise DatasetError(f"{self.store.path(key)} is missing; `just curate` writes it at its end")
        with self._told(key):
            stated = schema_of(self.store, there)
            modern = contract.modern(stated.empty_table())
            contract.check(modern)
        if not modern.schema.equals(stated):  # of a version with other names or types, which only Arrow converts
            return connection.from_arrow(self.read_table(key, contract).select(list(columns or contract.names)))
        return rows_of(connection, self.store, there, contract.schema, columns)

    def columns_of(self, connection: "Connection", key: str, columns: Sequence[str]) -> "Relation | None":
        """These columns of a whole table of any version for DuckDB; None if it is missing or lacks one of them."""
        there = self._place(key)
        if there is None or not {*columns} <= {*schema_of(self.store, there).names}:
            return None
        return rows_of(connection, self.store, there, schema_of(self.store, there), columns)

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        try:
            yield
        except ContractError as error:
            raise DatasetError(f"{self.store.path(key)}: {error}") from None

    def _read(self, key: str) -> pa.Table | None:
        there = self._place(key)
        return None if there is None else read_whole(self.store, there)

    def _place(self, key: str) -> str | None:
        """Where a whole table is; None if it is missing."""
        return next((place for place in (key, FORMER_PLACES.get(key)) if place and self.store.exists(place)), None)

    def write_file(self, key: str, table: pa.Table, media: bool = False) -> None:
        """Write a table as a Parquet file, atomically and without a contract.

        `media`: uncompressed, and a row group for each row, so that a reader takes the bytes of one row alone.
        """
        buffer = io.BytesIO()
        if media:
            pq.write_table(table, buffer, compression="none", use_dictionary=False, row_group_size=1)
        else:
            pq.write_table(table, buffer, compression="zstd")
        self.store.write(key, buffer.getvalue())

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Write `run.json`."""
        self.store.write("run.json", (json.dumps(record, indent=2, sort_keys=False) + "\n").encode())

    def read_record(self) -> dict[str, Any]:
        """Read `run.json`. Raises `DatasetError` if this folder is not a dataset."""
        try:
            record: dict[str, Any] = json.loads(self.store.read("run.json"))
        except ValueError as error:
            raise DatasetError(
                f"{self.store.path('run.json')} is damaged ({error}); remove it and curate again"
            ) from None
        except FileNotFoundError:
            raise DatasetError(
                f"{self.store.uri} is no dataset: it holds no run.json; `just curate` makes one"
            ) from None
        return record
