"""Digests of rows: equal if and only if the values are, whatever batches, slices and nulls the table has.

python -m pytest tests/pipeline/dataset/test_digests.py
"""

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.digests import row_digests

SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("number", pa.float64()),
        ("count", pa.int32()),
        ("flag", pa.bool_()),
        ("data", pa.binary()),
        ("parts", pa.list_(pa.struct([("time", pa.float64()), ("name", pa.string())]))),
    ]
)
texts = st.none() | st.sampled_from(["", "a", "ab", "b", "ü"])
numbers = st.none() | st.sampled_from([0.0, 1.5, -2.0])
rows_ = st.lists(
    st.fixed_dictionaries(
        {
            "text": texts,
            "number": numbers,
            "count": st.none() | st.integers(-2, 2),
            "flag": st.none() | st.booleans(),
            "data": st.none() | st.sampled_from([b"", b"a", b"ab"]),
            "parts": st.none()
            | st.lists(st.none() | st.fixed_dictionaries({"time": numbers, "name": texts}), max_size=3),
        }
    ),
    max_size=12,
)


@given(rows_)
def test_rows_have_the_same_digest_exactly_if_they_are_equal(rows: list[dict[str, Any]]) -> None:
    digests = row_digests(pa.Table.from_pylist(rows, SCHEMA)).to_pylist()
    assert len(digests) == len(rows)
    values = [repr([row[name] for name in SCHEMA.names]) for row in rows]
    assert len(set(zip(values, digests, strict=True))) == len(set(values)) == len(set(digests))


@given(rows_, st.integers(0, 12))
def test_batches_and_slices_change_nothing(rows: list[dict[str, Any]], cut: int) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA)
    whole = row_digests(table).to_pylist()
    assert row_digests(table.slice(cut)).to_pylist() == whole[cut:]
    assert row_digests(pa.concat_tables([table.slice(0, cut), table.slice(cut)])).to_pylist() == whole
    taken = table.take(pa.array(range(len(rows))[::-1], pa.int64()))
    assert row_digests(taken).to_pylist() == whole[::-1]


def test_context_names_and_widths_are_part_of_a_digest() -> None:
    table = pa.table({"a": pa.array([1], pa.int64())})
    tables = [table, table.rename_columns(["b"]), pa.table({"a": pa.array([1], pa.int32())})]
    digests = [row_digests(given_)[0].as_py() for given_ in tables]
    assert len({*digests, row_digests(table, "encode")[0].as_py(), row_digests(table, "encode", 2)[0].as_py()}) == 5


def test_a_digest_stays_what_it_was() -> None:
    """Digests are kept in the index of datasets: another one would encode everything again."""
    row = {
        "text": "ü",
        "number": 1.5,
        "count": None,
        "flag": True,
        "data": b"\0",
        "parts": [{"time": 0.5, "name": "n"}],
    }
    assert row_digests(pa.Table.from_pylist([row], SCHEMA), "pixels", 1).to_pylist() == ["d7f73b6bd72b4dbc"]
