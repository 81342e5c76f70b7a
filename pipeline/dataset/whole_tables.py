"""Whole tables, such as the ledger: one Parquet file, and numbered ones beside it where the rows are too many for one.

    selection/selection.parquet                       up to a million rows, under the name that is always there
    selection/selection-000001-5f1d2c3b.parquet       the next million, named by its place and its content

A table is written from a stream, so it never has to fit in memory. The file without a number is replaced last, in one
step, and its metadata names the others: whatever a kill leaves, readers see the old table or the new one. A file whose
content did not change keeps its name and is not written again. Every file has the same schema, and a reader that knows
nothing of this reads them all by a pattern.

    written = write_rows(dataset.store, LEDGER_FILE, LEDGER, batches)
    rows = rows_of(connection, dataset.store, LEDGER_FILE, LEDGER.schema)
"""

import hashlib
import io
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage.store import Store
from schemas.contract import TableContract
from schemas.errors import ContractError, DatasetError

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

ROWS_PER_FILE = 1_000_000
ROWS_PER_GROUP = 100_000
"""Rows that are held at once, in writing and in reading."""
_OTHERS = b"cutroom.files"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of a table: its rows, those of them that are new or differ from before, and whether files changed."""

    rows: int
    differing: int
    changed: bool


def files_of(store: Store, key: str) -> list[str]:
    """The files of the table at `key`, in the order of their rows. Raises `DatasetError` if one is damaged or gone."""
    others = [f"{_folder(key)}{name}" for name in json.loads((_footer(store, key).metadata or {}).get(_OTHERS, b"[]"))]
    if others and (gone := sorted({*others} - {*_numbered_files(store, key)})):
        raise DatasetError(f"{store.path(gone[0])} is missing; the same `just curate` writes it again")
    return [key, *others]


def schema_of(store: Store, key: str) -> pa.Schema:
    """The schema of the table at `key`. Raises `FileNotFoundError` if it is missing, `DatasetError` if damaged."""
    return _footer(store, key).schema.to_arrow_schema().remove_metadata()


def rows_of(
    connection: "Connection", store: Store, key: str, schema: pa.Schema, columns: Sequence[str] | None = None
) -> "Relation":
    """The rows of a whole table for DuckDB, in no particular order. Raises `FileNotFoundError` if it is missing."""
    from pipeline.dataset.query import parquet

    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    return parquet(connection, store, files_of(store, key), schema)


def write_rows(store: Store, key: str, contract: TableContract, tables: Iterable[pa.Table]) -> Written:
    """Replace a whole table by a stream of tables, each of which fits its contract. Keys must not occur twice."""
    with tempfile.TemporaryDirectory(prefix="cutroom-table-") as folder:
        made = _Made(Path(folder), contract)
        made.write(tables)
        names = [_numbered(key, place, path) for place, path in enumerate(made.paths) if place]
        made.close(names)
        _check_keys(store, made, contract)
        numbered = {f"{_folder(key)}{name}": path for name, path in zip(names, made.paths[1:], strict=True)}
        there = {*_numbered_files(store, key)}
        if _same(store, key, made.paths[0]) and there == {*numbered}:
            return Written(rows=made.rows, differing=0, changed=False)
        differing = _differing(store, key, made, contract)
        for file, path in numbered.items():
            if file not in there:
                _put(store, file, path)
        _put(store, key, made.paths[0])
        for file in there - {*numbered}:
            store.remove(file)
        return Written(rows=made.rows, differing=differing, changed=True)


def read_whole(store: Store, key: str) -> pa.Table:
    """All rows of the table at `key`, in memory, in any version's columns. Raises as `schema_of` does."""
    return pa.concat_tables([_read(store, file) for file in files_of(store, key)])


class _Made:
    """The files of a new table on this machine, in groups of rows of equal size however the stream is cut.

    The first file stays open to the end, because it names the others.
    """

    def __init__(self, folder: Path, contract: TableContract) -> None:
        self.rows = 0
        self.paths: list[Path] = []
        self._folder = folder
        self._contract = contract
        self._first: pq.ParquetWriter | None = None
        self._last: pq.ParquetWriter | None = None

    def write(self, tables: Iterable[pa.Table]) -> None:
        for group in in_groups(tables, ROWS_PER_GROUP):
            if self._last is None or self.rows % ROWS_PER_FILE == 0:
                self._open()
            assert self._last is not None
            checked = self._contract.check_numbers(self._contract.check(group))
            self._last.write_table(checked, row_group_size=ROWS_PER_GROUP)
            self.rows += len(group)
        if self._last is None:
            self._open()
        if self._last is not self._first and self._last is not None:
            self._last.close()

    def _open(self) -> None:
        if self._last is not None and self._last is not self._first:
            self._last.close()
        self.paths.append(self._folder / f"{len(self.paths)}.parquet")
        self._last = pq.ParquetWriter(self.paths[-1], self._contract.schema, compression="zstd")
        self._first = self._first or self._last

    def close(self, names: Sequence[str]) -> None:
        """Finish the first file, which names the others."""
        assert self._first is not None
        if names:
            self._first.add_key_value_metadata({_OTHERS: json.dumps(list(names)).encode()})
        self._first.close()


def in_groups(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of `rows` rows each; the last one may be shorter, and none is empty."""
    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        waiting.append(table)
        count += len(table)
        while count >= rows:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, rows).combine_chunks()
            waiting, count = [joined.slice(rows)], count - rows
    if count:
        yield pa.concat_tables(waiting).combine_chunks()


def _standing(store: Store, key: str) -> list[str]:
    """The files of the table as it stands; none if it is missing or damaged, since it is about to be replaced."""
    try:
        return files_of(store, key)
    except (FileNotFoundError, DatasetError):
        return []


def _check_keys(store: Store, made: _Made, contract: TableContract) -> None:
    """Raise `ContractError` if a key occurs twice in the whole table; of one group the contract knows it."""
    if made.rows <= ROWS_PER_GROUP:
        return
    from pipeline.dataset.query import querying

    with querying(store) as connection:
        rows = connection.read_parquet([str(path) for path in made.paths])
        for counted in (f'hash("{contract.key}")', f'"{contract.key}"'):  # hashes need a fraction of the memory
            if rows.aggregate(f"count(DISTINCT {counted})").fetchall()[0][0] == made.rows:
                return
    raise ContractError(f"table {contract.name}: {contract.key} is its key, but some values occur twice")


def _differing(store: Store, key: str, made: _Made, contract: TableContract) -> int:
    """The number of rows that the table at `key` does not hold as they are now."""
    old = _standing(store, key)
    if not old or not set(contract.names) <= set(schema_of(store, key).names):
        return made.rows
    from pipeline.dataset.query import parquet, querying

    with querying(store) as connection:
        columns = ", ".join(f'"{name}"' for name in contract.names)
        made_rows = connection.read_parquet([str(path) for path in made.paths])
        stood = parquet(connection, store, old, contract.schema)
        hashes = f"hash({columns}) AS row_hash"
        new = made_rows.project(hashes).set_alias("new")
        gone = new.join(stood.project(hashes).set_alias("stood"), "row_hash", how="anti")
        return int(gone.aggregate("count(*)").fetchall()[0][0])


def _numbered(key: str, place: int, path: Path) -> str:
    with path.open("rb") as file:
        content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=4)).hexdigest()
    return f"{_stem(key)}-{place:06d}-{content}.parquet"


def _numbered_files(store: Store, key: str) -> list[str]:
    """All numbered files beside `key`, also those that a kill left."""
    pattern = re.compile(re.escape(f"{_folder(key)}{_stem(key)}") + r"-\d{6}-[0-9a-f]{8}\.parquet")
    return [name for name in store.names(_folder(key).rstrip("/")) if pattern.fullmatch(name)]


def _folder(key: str) -> str:
    return key[: key.rfind("/") + 1]


def _stem(key: str) -> str:
    return key.rsplit("/", 1)[-1].removesuffix(".parquet")


def _read(store: Store, key: str) -> pa.Table:
    with _damage_told(store, key):
        return pq.read_table(io.BytesIO(store.read(key)))


def _footer(store: Store, key: str) -> pq.FileMetaData:
    with _damage_told(store, key), store.open(key) as file:
        return pq.read_metadata(file)


@contextmanager
def _damage_told(store: Store, key: str) -> Iterator[None]:
    try:
        yield
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{store.path(key)} is damaged ({reason}); remove it and curate again") from None


def _same(store: Store, key: str, path: Path) -> bool:
    """Whether the file at `key` has exactly the bytes of the one at `path`."""
    try:
        if store.stat(key).size != path.stat().st_size:
            return False
        with store.open(key) as standing, path.open("rb") as new:
            return all(left == right for left, right in zip(_blocks(standing), _blocks(new), strict=True))
    except FileNotFoundError:
        return False


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block


def _put(store: Store, key: str, path: Path) -> None:
    with store.writing(key) as target, path.open("rb") as source:
        shutil.copyfileobj(source, target, _BLOCK)
