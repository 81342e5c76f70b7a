"""The dataset folder that a curation run writes: part files, plans, whole tables, and the run's record.

    <table>/<fingerprint>/part-<hash>.parquet     a committed part; written atomically
    <table>/<fingerprint>/slice-<n>-<hash>.parquet the rows of a slice of sources, once they are complete
    .plans/<table>/<fingerprint>/<slice>/         which rows belong to which part
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
import pyarrow.parquet as pq

from pipeline.dataset.part_file import PartFile
from pipeline.dataset.plan import Part
from pipeline.dataset.plan_files import PlanFiles
from pipeline.dataset.slices import WHOLE
from pipeline.dataset.whole_tables import Written, read_whole, rows_of, schema_of, write_rows
from pipeline.stage import Output
from pipeline.storage.store import Store
from schemas.contract import TableContract
from schemas.errors import ContractError, DatasetError

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

PART_COLUMN = "part"
# The layout of the folder, as `run.json` says it; none: 1.
FORMAT = 4
# Whole tables that earlier versions wrote at another place.
FORMER_PLACES = {"sample_spans/sample_spans.parquet": "selection/sample_spans.parquet"}


def is_part(name: str) -> bool:
    """Whether a file name is that of a part file, or of the file of a slice."""
    return name.startswith(("part-", "slice-")) and name.endswith(".parquet")


def written_as(output: Output) -> dict[str, Any]:
    """How the files of a stage's table are written: arguments of `pyarrow.parquet.write_table`.

    Media is compressed already, and each row is worth a read of its own.
    """
    compression = {"compression": "none", "use_dictionary": False} if output.media else {"compression": "zstd"}
    return {**compression, "row_group_size": output.rows_per_group}


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
        self.write_file(key, output.contract.check(table), output)

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
            table = PartFile(self.store, key).rows(output.parent, served[part], columns)
            table = output.contract.modern(table)
            if columns is None:
                output.contract.check(table)
            tables.append(table.append_column(PART_COLUMN, pa.array([key] * len(table), pa.string())))
        return pa.concat_tables(tables)

    # --- plans -------------------------------------------------------------------------------------------------

    def plans(self, folder: str, fingerprint: str, only: str = WHOLE) -> PlanFiles:
        """The plans of a table's folder by slice, or those of `only` one."""
        return PlanFiles(self.store, folder, fingerprint, only)

    def read_plan(self, folder: str, fingerprint: str) -> list[Part]:
        """The parts of a table's folder planned so far in all slices, those of a slice oldest first."""
        return self.plans(folder, fingerprint).read_all()

    def append_plan(self, folder: str, fingerprint: str, parts: Sequence[Part]) -> None:
        """Record newly planned parts of a table that is not divided into slices, before any of them is computed."""
        self.plans(folder, fingerprint).append(WHOLE, parts)

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

    def write_file(self, key: str, table: pa.Table, output: Output | None = None) -> None:
        """Write a table as a Parquet file, atomically and without a contract; as `output` says, if it is one's."""
        buffer = io.BytesIO()
        pq.write_table(table, buffer, **({"compression": "zstd"} if output is None else written_as(output)))
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
