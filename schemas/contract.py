"""What a table holds, as code that checks it: column names, Arrow types, units, ranges, and what may be null.

A table of a row stage carries `status`, `error` and `attempts`; in a failed row every column but the key and those
three may be null, in an `ok` row only the columns marked `optional`.

    python -m schemas clips          # print one contract
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import ContractError


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: Arrow type, a line of documentation with unit and range, and whether it may be null."""

    name: str
    type: pa.DataType
    doc: str
    optional: bool = False


STATUS_COLUMNS = (
    Column(name="status", type=pa.string(), doc="`ok` or `failed`"),
    Column(name="error", type=pa.string(), doc="why the row failed, in words a person understands", optional=True),
    Column(name="attempts", type=pa.int32(), doc="how often the row was tried, >= 1"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableContract:
    """A table's name, key column, columns in order, and one line on what a row is."""

    name: str
    key: str
    doc: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, in column order."""
        return pa.schema([(column.name, column.type) for column in self.columns])

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def has_status(self) -> bool:
        """Whether rows carry `status`, `error` and `attempts`."""
        return "status" in self.names

    def empty(self) -> pa.Table:
        """A table with this schema and no rows."""
        return self.schema.empty_table()

    def table(self, rows: Iterable[Mapping[str, object]]) -> pa.Table:
        """Build a checked table from rows. Raises `ContractError` on a missing or extra name or a wrong type."""
        listed = list(rows)
        expected = set(self.names)
        for row in listed:
            if set(row) != expected:
                raise ContractError(self._name_difference(set(row)))
        try:
            table = pa.Table.from_pylist(listed, schema=self.schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            raise ContractError(f"table {self.name}: a value does not fit its column: {error}") from error
        return self.check(table)

    def failed_row(self, key: str, error: str, attempts: int, known: Mapping[str, object]) -> dict[str, object]:
        """A failed row: the key, whatever is already known of the other columns, and the reason."""
        row: dict[str, object] = {name: known.get(name) for name in self.names}
        row.update({self.key: key, "status": "failed", "error": error, "attempts": attempts})
        return row

    def check(self, table: pa.Table) -> pa.Table:
        """Return `table` unchanged, or raise `ContractError` naming every column that breaks the contract."""
        if set(table.column_names) != set(self.names):
            raise ContractError(self._name_difference(set(table.column_names)))
        table = table.select(list(self.names))
        wrong = [
            f"{column.name} is {table.schema.field(column.name).type}, not {column.type}"
            for column in self.columns
            if table.schema.field(column.name).type != column.type
        ]
        if wrong:
            raise ContractError(f"table {self.name}: mistyped columns: {'; '.join(wrong)}")
        self._check_nulls(table)
        keys = table.column(self.key)
        if pc.count_distinct(keys).as_py() != len(keys):
            raise ContractError(f"table {self.name}: {self.key} is its key, but some values occur twice")
        return table

    def _check_nulls(self, table: pa.Table) -> None:
        judged = table.filter(pc.equal(table["status"], "ok")) if self.has_status else table
        always = {self.key, "status", "attempts"}
        holes = [
            column.name
            for column in self.columns
            if not column.optional
            and (judged[column.name].null_count or (column.name in always and table[column.name].null_count))
        ]
        if holes:
            raise ContractError(f"table {self.name}: null where a value must stand: {', '.join(holes)}")

    def _name_difference(self, got: set[str]) -> str:
        missing, extra = sorted(set(self.names) - got), sorted(got - set(self.names))
        parts = [f"missing columns {', '.join(missing)}"] if missing else []
        parts += [f"extra columns {', '.join(extra)}"] if extra else []
        fix = "; an earlier version wrote it? the same `just curate` writes it anew" if missing else ""
        return f"table {self.name}: {'; '.join(parts)}{fix}"
