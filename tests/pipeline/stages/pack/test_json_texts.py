"""JSON texts of many rows: the bytes of `json.dumps`.

python -m pytest tests/pipeline/stages/pack/test_json_texts.py
"""

import json

import duckdb
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.pack.json_texts import named_objects, objects, strings
from schemas.named_values import list_of, named_values

texts = st.none() | st.text() | st.sampled_from(['"', "\\", "\x7f", "\n", "é", "\U0001f600", "a b", ""])


@given(st.lists(texts), st.integers(0, 3))
def test_texts_are_written_as_json_writes_them(values: list[str | None], cut: int) -> None:
    column = pa.chunked_array([pa.array(values[:cut], pa.string()), pa.array(values[cut:], pa.string())])
    assert strings(column).to_pylist() == [json.dumps(value) for value in values]


@given(st.lists(st.tuples(texts, texts, texts)))
def test_columns_become_objects(rows: list[tuple[str | None, ...]]) -> None:
    names = ["plain", "with space", "ä"]
    columns = [strings(pa.array([row[place] for row in rows], pa.string())) for place in range(3)]
    assert objects(names, columns).to_pylist() == [json.dumps(dict(zip(names, row, strict=True))) for row in rows]


@given(st.lists(st.none() | st.dictionaries(st.text(max_size=3), texts, max_size=4)), st.integers(0, 3))
def test_cells_of_named_values_become_objects(cells: list[dict[str, str | None] | None], cut: int) -> None:
    column = pa.array([None if cell is None else list_of(cell) for cell in cells], named_values(pa.string()))
    assert named_objects(column[cut:]).to_pylist() == [json.dumps(cell or {}) for cell in cells[cut:]]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_duckdb_writes_numbers_as_json_does(values: list[float]) -> None:
    with duckdb.connect() as connection:
        rows = connection.from_arrow(pa.table({"value": pa.array(values, pa.float64())}))
        written = rows.project("value::VARCHAR").fetchall()
    assert [text for (text,) in written] == [json.dumps(value) for value in values]
