"""Table contracts: every broken promise is named.

python -m pytest tests/schemas/test_contract.py
"""

import pyarrow as pa
import pytest

from schemas.contract import STATUS_COLUMNS, Column, TableContract
from schemas.errors import ContractError

Row = dict[str, object]
FRUIT = TableContract(
    name="fruit",
    key="id",
    doc="one row per fruit",
    columns=(
        Column(name="id", type=pa.string(), doc="id"),
        Column(name="grams", type=pa.int64(), doc="weight"),
        Column(name="note", type=pa.string(), doc="remark", optional=True),
        *STATUS_COLUMNS,
    ),
)


def _row(**changes: object) -> Row:
    return {"id": "a", "grams": 5, "note": None, "status": "ok", "error": None, "attempts": 1} | changes


def test_a_good_table_keeps_its_rows_and_column_order() -> None:
    table = FRUIT.table([_row(), _row(id="b", note="ripe")])
    assert table.column_names == list(FRUIT.names)
    assert table["note"].to_pylist() == [None, "ripe"]


def test_columns_are_put_into_the_contracts_order() -> None:
    table = FRUIT.table([_row()])
    assert FRUIT.check(table.select(list(reversed(FRUIT.names)))).equals(table)


@pytest.mark.parametrize("build", [True, False], ids=["rows", "table"])
def test_missing_and_extra_columns_are_named(build: bool) -> None:
    row = _row(colour="red")
    del row["grams"]
    with pytest.raises(ContractError, match="table fruit: missing columns grams; extra columns colour"):
        FRUIT.table([row]) if build else FRUIT.check(pa.Table.from_pylist([row]))


def test_every_mistyped_column_is_named_with_both_types() -> None:
    table = FRUIT.table([_row()])
    wrong = table.set_column(1, "grams", pa.array(["5"])).set_column(5, "attempts", pa.array([1], pa.int64()))
    with pytest.raises(ContractError, match="grams is string, not int64; attempts is int64, not int32"):
        FRUIT.check(wrong)


@pytest.mark.parametrize("value", ["heavy", b"5", 2**70])
def test_a_value_that_does_not_fit_is_refused(value: object) -> None:
    with pytest.raises(ContractError, match="table fruit: a value does not fit its column"):
        FRUIT.table([_row(grams=value)])


def test_null_in_an_ok_row_is_refused_by_name() -> None:
    with pytest.raises(ContractError, match="null in columns that need a value: grams"):
        FRUIT.table([_row(), _row(id="b", grams=None)])


def test_a_failed_row_may_hold_nulls_but_not_in_key_status_and_attempts() -> None:
    failed = FRUIT.failed_row("b", "rotten", 2, {})
    assert FRUIT.table([_row(), failed]).to_pylist()[1] == {
        "id": "b", "grams": None, "note": None, "status": "failed", "error": "rotten", "attempts": 2,
    }  # fmt: skip
    for name in ("id", "status", "attempts"):
        with pytest.raises(ContractError, match=f"null in columns that need a value: {name}"):
            FRUIT.table([failed | {name: None}])


def test_a_failed_row_keeps_what_is_known_but_nothing_foreign() -> None:
    row = FRUIT.failed_row("b", "rotten", 2, {"grams": 7, "colour": "red", "status": "ok"})
    assert row == {"id": "b", "grams": 7, "note": None, "status": "failed", "error": "rotten", "attempts": 2}


def test_a_key_may_not_occur_twice() -> None:
    with pytest.raises(ContractError, match="id is its key, but some values occur twice"):
        FRUIT.table([_row(), _row()])


def test_an_empty_table_holds() -> None:
    assert FRUIT.check(FRUIT.empty()).num_rows == 0
    assert FRUIT.table([]).schema == FRUIT.schema
