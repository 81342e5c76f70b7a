"""Table contracts: column names, Arrow types, units, ranges and nullability, and the code that checks them.

The tables of row stages have the columns `status`, `error` and `attempts`. In a failed row every column but the key and
these may be null, in an `ok` row only the columns marked `optional`. Numbers that are written are finite.

    just schemas clips          # print one contract
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import ContractError
from schemas.named_values import from_map, value_type

_UNFIT = (pa.ArrowException, ArithmeticError, ValueError, TypeError, AttributeError)
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How a row breaks its contract. Kinds `type` and `null` are bugs of the stage; `value` comes from its input."""

    column: str
    kind: Literal["type", "null", "value"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: Arrow type, a line of documentation with unit and range, and whether it may be null.

    `formerly` is the name that it has in tables of earlier versions. An `added` column is in none of them, and read as
    null.
    """

    name: str
    type: pa.DataType
    doc: str
    optional: bool = False
    formerly: str = ""
    added: bool = False

    @property
    def content(self) -> str:
        """The type as fingerprints know it: values by name count as the map that held the same in earlier versions."""
        values = value_type(self.type)
        return str(self.type if values is None else pa.map_(pa.string(), values))

    def fault(self, value: object) -> Fault | None:
        """Why a value other than null does not fit this column, or None."""
        try:
            finite = _is_finite(pa.array([value], self.type))
        except _UNFIT as error:
            kind: Literal["type", "value"] = "value" if isinstance(value, _natural(self.type)) else "type"
            text = f"does not fit {self.type} ({' '.join(str(error).split())[:_SHOWN_CHARACTERS]})"
            return Fault(column=self.name, kind=kind, text=f"= {_shown(value)} {text}")
        if not finite:
            return Fault(column=self.name, kind="value", text=f"= {_shown(value)} is not finite")
        return None


STATUS_COLUMNS = (
    Column(name="status", type=pa.string(), doc="`ok` or `failed`"),
    Column(name="error", type=pa.string(), doc="why the row failed, in words a person understands", optional=True),
    Column(name="attempts", type=pa.int32(), doc="how often the row was tried, >= 1"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableContract:
    """A table's name, key column, columns in order, and a line that says what a row is."""

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
        """Whether the table has the columns `status`, `error` and `attempts`."""
        return "status" in self.names

    def _has_names(self, names: set[str]) -> bool:
        """Whether a row with these names can be a row of this table: added columns may be left out."""
        return names <= set(self.names) and {column.name for column in self.columns if not column.added} <= names

    @property
    def _always(self) -> set[str]:
        """The columns that are never null, even in a failed row."""
        return {self.key, "status", "attempts"}

    def empty(self) -> pa.Table:
        """A table with this schema and no rows."""
        return self.schema.empty_table()

    def table(self, rows: Iterable[Mapping[str, object]]) -> pa.Table:
        """Build a checked table from rows. Raises `ContractError` on a missing or extra name or a wrong type."""
        listed = list(rows)
        for row in listed:
            if not self._has_names(set(row)):
                raise ContractError(self._name_difference(set(row)))
        try:
            table = pa.Table.from_pylist(listed, schema=self.schema)
        except _UNFIT as error:
            raise ContractError(f"table {self.name}: a value does not fit its column: {error}") from error
        return self.check(self.check_numbers(table))

    def check_numbers(self, table: pa.Table) -> pa.Table:
        """Return `table` unchanged, or raise `ContractError` naming every column with a number that is not finite."""
        endless = [name for name in self.names if not _is_finite(table[name])]
        if endless:
            raise ContractError(f"table {self.name}: a number that is not finite: {', '.join(endless)}")
        return table

    def fault(self, row: Mapping[str, object]) -> Fault | None:
        """The first column's fault in a row, or None. Raises `ContractError` if the row's names are not the table's."""
        if not self._has_names(set(row)):
            raise ContractError(self._name_difference(set(row)))
        failed = self.has_status and row["status"] != "ok"
        for column in self.columns:
            value = row.get(column.name)
            if value is not None:
                fault = column.fault(value)
                if fault is not None:
                    return fault
            elif not (column.optional or (failed and column.name not in self._always)):
                return Fault(column=column.name, kind="null", text="is null, but needs a value")
        return None

    def failed_row(self, key: str, error: str, attempts: int, known: Mapping[str, object]) -> dict[str, object]:
        """A failed row: the key, the reason, and those `known` values of other columns that fit them."""
        fits = [column for column in self.columns if known.get(column.name) is not None]
        row: dict[str, object] = dict.fromkeys(self.names)
        row.update({column.name: known[column.name] for column in fits if column.fault(known[column.name]) is None})
        row.update({self.key: key, "status": "failed", "error": _text(error), "attempts": attempts})
        return row

    def modern(self, table: pa.Table) -> pa.Table:
        """A table of an earlier version with today's names and types, as far as both say the same."""
        for column in self.columns:
            if column.name not in table.column_names and column.formerly in table.column_names:
                renamed = [column.name if name == column.formerly else name for name in table.column_names]
                table = table.rename_columns(renamed)
            if value_type(column.type) is not None and column.name in table.column_names:
                index = table.column_names.index(column.name)
                if pa.types.is_map(table.schema.field(index).type):
                    table = table.set_column(index, column.name, from_map(table[column.name]))
            if column.added and column.name not in table.column_names:
                table = table.append_column(column.name, pa.nulls(len(table), column.type))
        return table

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
        holes = [
            column.name
            for column in self.columns
            if not column.optional
            and (judged[column.name].null_count or (column.name in self._always and table[column.name].null_count))
        ]
        if holes:
            raise ContractError(f"table {self.name}: null in columns that need a value: {', '.join(holes)}")

    def _name_difference(self, got: set[str]) -> str:
        missing, extra = sorted(set(self.names) - got), sorted(got - set(self.names))
        parts = [f"missing columns {', '.join(missing)}"] if missing else []
        parts += [f"extra columns {', '.join(extra)}"] if extra else []
        fix = "; an earlier version wrote it? the same `just curate` makes it again" if missing else ""
        return f"table {self.name}: {'; '.join(parts)}{fix}"


def _is_finite(values: Any) -> bool:
    """Whether all floats in an Arrow array are finite, also inside lists and maps; True if it holds no floats."""
    arrow_type = values.type
    if pa.types.is_floating(arrow_type):
        finite = pc.all(pc.is_finite(values)).as_py()
        return finite is None or bool(finite)
    if pa.types.is_list(arrow_type) and pa.types.is_floating(arrow_type.value_type):
        return _is_finite(pc.list_flatten(values))
    if (named := value_type(arrow_type)) is not None and pa.types.is_floating(named):
        return _is_finite(pc.struct_field(pc.list_flatten(values), "value"))
    return True


def _natural(arrow_type: pa.DataType) -> tuple[type, ...]:
    """The Python types whose values belong into a column of this type, whatever their size."""
    if pa.types.is_floating(arrow_type) or pa.types.is_integer(arrow_type):
        return (int, float)
    return (str,) if pa.types.is_string(arrow_type) else ()


def _text(error: str) -> str:
    """The reason as valid UTF-8: lone surrogates (from names in another encoding) become escapes."""
    return error.encode("utf-8", "backslashreplace").decode()


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
