"""JSON texts of many rows at once, byte for byte as `json.dumps` writes them, without a Python object for each value.

Numbers become texts in DuckDB (`described.py`); here texts become JSON strings, and values by name become objects.

    objects(["model", "budget"], [strings(model), strings(budget)])      # '{"model": "tiny", "budget": null}', ...
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_PLAIN = r"^[ !#-\[\]-~]*$"  # printable ASCII without the two characters that JSON escapes
_NULL = "null"


def strings(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Each text as a JSON string of ASCII characters; null as `null`."""
    texts = _one(column)
    quoted = pc.binary_join_element_wise('"', texts, '"', "")
    special = pc.fill_null(pc.invert(pc.match_substring_regex(texts, _PLAIN)), False)
    if pc.any(special).as_py():
        escaped = [json.dumps(text) for text in texts.filter(special).to_pylist()]
        quoted = pc.replace_with_mask(quoted, special, pa.array(escaped, pa.string()))
    return pc.fill_null(quoted, _NULL)


def objects(names: Sequence[str], values: Sequence[pa.Array]) -> pa.Array:
    """A JSON object for each row. `values` are the columns of JSON texts by these `names`, which differ."""
    pieces: list[Any] = []
    for place, (name, column) in enumerate(zip(names, values, strict=True)):
        pieces += [("{" if place == 0 else ", ") + f"{json.dumps(name)}: ", column]
    return pc.binary_join_element_wise(*pieces, "}", "")


def named_objects(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A JSON object for each cell of a column of `schemas.named_values` with texts; `{}` for null.

    The names within a cell differ.
    """
    cells = _one(column)
    pairs = cells.flatten()
    names, values = pairs.flatten()
    members = pc.binary_join_element_wise(strings(names), strings(values), ": ")
    lengths = pc.fill_null(pc.list_value_length(cells), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, members), ", ")
    return pc.binary_join_element_wise("{", joined, "}", "")


def _one(column: pa.Array | pa.ChunkedArray) -> Any:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)
