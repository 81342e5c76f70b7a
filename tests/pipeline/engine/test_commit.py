"""A contract violation fails its own row, whatever the stage returned; a bug in the stage ends the run.

python -m pytest tests/pipeline/engine/test_commit.py
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.dataset.folder import Dataset
from pipeline.engine.commit import commit
from pipeline.stage import Outcome, Output, Result, Row, StageSpec
from schemas.contract import STATUS_COLUMNS, Column, TableContract
from schemas.errors import ContractError
from schemas.named_values import list_of, named_values
from tests.pipeline import toy

MEASURED = TableContract(
    name="measured",
    key="id",
    doc="a video measured",
    columns=(
        Column(name="id", type=pa.string(), doc="id"),
        Column(name="width", type=pa.int32(), doc="pixels"),
        Column(name="ratio", type=pa.float64(), doc="width over height", optional=True),
        Column(name="times", type=pa.list_(pa.float64()), doc="seconds"),
        Column(name="numbers", type=named_values(pa.float64()), doc="numbers by name"),
        Column(name="title", type=pa.string(), doc="text"),
        *STATUS_COLUMNS,
    ),
)
SPANS = TableContract(
    name="spans",
    key="span_id",
    doc="spans of a film",
    columns=(
        Column(name="span_id", type=pa.string(), doc="id"),
        Column(name="id", type=pa.string(), doc="parent"),
        Column(name="start", type=pa.float32(), doc="seconds"),
    ),
)
SPEC = replace(
    toy.spec(),
    outputs=(
        Output(folder="measured", contract=MEASURED, parent="id"),
        Output(folder="spans", contract=SPANS, parent="id"),
    ),
)
KEYS = ("k0", "k1", "k2")
ROWS: list[Row] = [{"id": key, "key": f"deep/{key}.mp4"} for key in KEYS]


def _outcome(key: str, changes: Mapping[str, Any] | None = None, spans: list[Row] | None = None) -> Outcome:
    values = {"id": key, "width": 5, "ratio": 1.5, "times": [0.0, 1.0], "numbers": list_of({"a": 1.0}), "title": key}
    others = [{"span_id": f"{key}-0", "id": key, "start": 0.5}] if spans is None else spans
    result = Result(key=key, values=values | dict(changes or {}), others={"spans": others}, counters={"seen": 1})
    return Outcome(result, 1, True)


def _commit(folder: Path, outcomes: list[Outcome], spec: StageSpec = SPEC) -> tuple[list[Outcome], dict[str, Row], Any]:
    dataset = Dataset(str(folder))
    committed = commit(dataset, spec, "part-x", ROWS[: len(outcomes)], [0] * len(outcomes), outcomes)
    tables = [dataset.read_parts(output, spec.fingerprint, {"part-x": None}) for output in spec.outputs]
    return committed, {row["id"]: row for row in tables[0].to_pylist()}, tables[1].to_pylist()


@pytest.mark.parametrize(
    ("changes", "words", "expected"),
    [
        ({"width": 1288490188200}, "measured.width of deep/k1.mp4 = 1288490188200 does not fit int32", True),
        ({"width": 2**70}, "width of deep/k1.mp4 = 1180591620717411303424 does not fit int32", True),
        ({"width": "wide"}, "width of deep/k1.mp4 = 'wide' does not fit int32", False),
        ({"width": None}, "width of deep/k1.mp4 is null, but needs a value", False),
        ({"ratio": math.nan}, "ratio of deep/k1.mp4 = nan is not finite", True),
        ({"ratio": -math.inf}, "ratio of deep/k1.mp4 = -inf is not finite", True),
        ({"times": [0.0, math.inf]}, r"times of deep/k1.mp4 = [0.0, inf] is not finite", True),
        (
            {"numbers": list_of({"a": math.nan})},
            "numbers of deep/k1.mp4 = [{'name': 'a', 'value': nan}] is not finite",
            True,
        ),
        ({"times": 5}, "times of deep/k1.mp4 = 5 does not fit list<", False),
        ({"title": "caf\udce9"}, "title of deep/k1.mp4 = 'caf\\udce9' does not fit string", True),
        ({"title": b"\xff"}, "title of deep/k1.mp4 = b'\\xff' does not fit string", False),
    ],
)
def test_a_row_that_breaks_the_contract_fails_alone_and_names_file_column_and_value(
    changes: Row, words: str, expected: bool, tmp_path: Path
) -> None:
    committed, rows, spans = _commit(tmp_path, [_outcome("k0"), _outcome("k1", changes), _outcome("k2")])
    assert {key: row["status"] for key, row in rows.items()} == {"k0": "ok", "k1": "failed", "k2": "ok"}
    assert words in rows["k1"]["error"]
    assert [span["id"] for span in spans] == ["k0", "k2"]
    assert [outcome.result.error is None for outcome in committed] == [True, False, True]
    assert committed[1].expected is expected
    assert committed[1].result.counters == {"seen": 1}
    assert rows["k1"]["attempts"] == 1


def test_what_fits_of_a_row_that_fails_is_kept(tmp_path: Path) -> None:
    _, rows, _ = _commit(tmp_path, [_outcome("k0", {"width": 2**40, "title": "a film"})])
    assert (rows["k0"]["width"], rows["k0"]["title"], rows["k0"]["ratio"]) == (None, "a film", 1.5)


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ([{"span_id": "s", "id": "k1", "start": math.nan}], "spans.start of deep/k1.mp4 = nan is not finite"),
        ([{"span_id": "s", "id": "k1", "start": None}], "spans.start of deep/k1.mp4 is null"),
        ([{"span_id": "s", "id": "k1", "start": 0.0}] * 2, "spans.span_id of deep/k1.mp4 = 's' occurs twice"),
    ],
)
def test_bad_rows_of_another_table_fail_the_row_that_they_came_from(
    spans: list[Row], words: str, tmp_path: Path
) -> None:
    _, rows, span_rows = _commit(tmp_path, [_outcome("k0"), _outcome("k1", {}, spans), _outcome("k2")])
    assert {key: row["status"] for key, row in rows.items()} == {"k0": "ok", "k1": "failed", "k2": "ok"}
    assert words in rows["k1"]["error"]
    assert [span["id"] for span in span_rows] == ["k0", "k2"]


def test_a_failed_row_whose_known_values_do_not_fit_still_stands(tmp_path: Path) -> None:
    result = Result(key="k0", values={"width": 2**40, "title": "t"}, error="truncated: caf\udce9")
    _, rows, _ = _commit(tmp_path, [Outcome(result, 2, True), _outcome("k1")])
    assert (rows["k0"]["status"], rows["k0"]["width"], rows["k0"]["title"]) == ("failed", None, "t")
    assert (rows["k0"]["error"], rows["k0"]["attempts"]) == ("truncated: caf\\udce9", 2)


def test_every_row_may_fail_by_its_value(tmp_path: Path) -> None:
    _, rows, _ = _commit(tmp_path, [_outcome(key, {"width": 2**40}) for key in KEYS])
    assert {row["status"] for row in rows.values()} == {"failed"}


@pytest.mark.parametrize("changes", [{"colour": "red"}, {"width": "wide"}])
def test_a_bug_of_the_stage_ends_the_run_and_writes_nothing(changes: Row, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"extra columns colour|no row of 3 has the right type in measured.width"):
        _commit(tmp_path, [_outcome(key, changes) for key in KEYS])
    assert Dataset(str(tmp_path)).store.list() == []
