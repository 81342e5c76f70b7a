"""Named values as a column: a list of {name, value}, a type that every reader of Parquet supports.

Arrow's map type would say the same, but neither Hugging Face `datasets` nor pandas has a type for it. Tables that
earlier versions wrote hold maps; they are read as lists.

    Column(name="scores", type=named_values(pa.float64()), doc="...")
    dict_of([{"name": "motion", "value": 1.5}])                         # {"motion": 1.5}
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa


def named_values(value: pa.DataType) -> pa.DataType:
    """The Arrow type of named values: list<struct<name: string, value>>."""
    return pa.list_(pa.struct([("name", pa.string()), ("value", value)]))


def value_type(kind: pa.DataType) -> pa.DataType | None:
    """The type of the values in a column of `named_values`, or None for any other type."""
    if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        return None
    fields = [kind.value_type.field(index) for index in range(kind.value_type.num_fields)]
    return fields[1].type if [field.name for field in fields] == ["name", "value"] else None


def list_of(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A cell of such a column from a mapping, in the mapping's order."""
    return [{"name": name, "value": value} for name, value in values.items()]


def dict_of(cell: Iterable[Mapping[str, Any]] | None) -> dict[str, Any]:
    """The values of a cell by name; empty for null."""
    return {pair["name"]: pair["value"] for pair in cell or ()}


def from_map(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert a column of maps to `named_values`; null stays null."""
    cells = [None if cell is None else list_of(dict(cell)) for cell in column.to_pylist()]
    return pa.chunked_array([pa.array(cells, named_values(column.type.item_type))])
