"""Stages in the driver: one call for many parts, a commit as soon as a part is complete, and no call row by row."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.dataset.folder import Dataset
from pipeline.engine.cluster import Cluster
from pipeline.engine.engine import Engine
from pipeline.engine.ipc import write_rows
from pipeline.engine.waves import WaveWorker
from pipeline.stage import Result, Row, StageSpec
from schemas.config import EngineConfig
from schemas.errors import StageError
from tests.pipeline import toy

NUMBERS = {f"k{number:02d}": number for number in range(10)}
CALLS: list[int] = []


class Backwards:
    """Answers the last row first; says nothing of rows whose trouble is `silence`, and ends the stage at `break`."""

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        CALLS.append(len(rows))
        for row in reversed(rows):
            if row["trouble"] == "break":
                raise ConnectionError("the engine is gone")
            if row["trouble"] == "silence":
                continue
            others = [{"half_id": f"{row['id']}-{side}", "id": row["id"]} for side in "ab"]
            values = {"id": row["id"], "double": 2 * row["number"]}
            yield Result(key=row["id"], values=values, others={"halves": others}, counters={"doubled": 1})


def spec(build: Any = Backwards) -> StageSpec:
    return replace(toy.spec(), build=build, place="driver")


def in_parts(size: int) -> list[Any]:
    rows = toy.rows(NUMBERS)
    return [
        pa.table({"part": [f"part-{start}"], "rows": [write_rows(rows.slice(start, size))]})
        for start in range(0, len(rows), size)
    ]


def test_parts_are_committed_when_their_last_row_is_there_in_any_order(tmp_path: Path) -> None:
    CALLS.clear()
    dataset = Dataset(str(tmp_path))
    reports = WaveWorker(spec(), dataset).reports(in_parts(4))
    assert next(reports)["rows"] == 2  # the last part, whose rows come first
    assert dataset.committed(toy.OUTPUTS[0], "f1") == {"part-8"}
    rest = list(reports)
    assert [report["rows"] for report in rest] == [4, 4]
    assert {name for report in rest for name in report["counters"]} == {"doubled"}
    assert CALLS == [10]


def test_a_wave_holds_whole_parts_up_to_its_limit(tmp_path: Path) -> None:
    CALLS.clear()
    reports = list(WaveWorker(spec(), Dataset(str(tmp_path)), rows_per_wave=7).reports(in_parts(4)))
    assert CALLS == [4, 6]
    assert sum(report["rows"] for report in reports) == len(NUMBERS)


def test_the_engine_runs_a_driver_stage_with_the_same_record(cluster: Cluster, tmp_path: Path) -> None:
    CALLS.clear()
    engine = Engine(Dataset(str(tmp_path)), EngineConfig(), cluster)
    stage_run = engine.run(spec(), toy.rows(NUMBERS, {"k03": "silence"}))
    rows = {row["id"]: row for row in stage_run.primary.to_pylist()}
    assert {key: row["double"] for key, row in rows.items() if key != "k03"} == {
        key: 2 * number for key, number in NUMBERS.items() if key != "k03"
    }
    assert rows["k03"]["error"] == "the stage gave no result for this row"
    assert len(stage_run.table(toy.OUTPUTS[1])) == 18
    record = engine.records["double"]
    assert (CALLS, record.parts, record.computed, record.failed, record.workers) == ([10], 4, 10, 1, 1)
    assert engine.run(spec(), toy.rows(NUMBERS)).primary.equals(stage_run.primary)
    assert CALLS == [10]


def test_a_stage_that_raises_ends_the_run_and_keeps_what_was_committed(cluster: Cluster, tmp_path: Path) -> None:
    CALLS.clear()
    engine = Engine(Dataset(str(tmp_path)), EngineConfig(), cluster)
    with pytest.raises(StageError, match=re.escape("stage double cannot run: ConnectionError: the engine is gone")):
        engine.run(spec(), toy.rows(NUMBERS, {"k00": "break"}))
    assert CALLS == [10]
    assert len(engine.dataset.committed(toy.OUTPUTS[0], "f1")) == 3
    assert engine.run(spec(), toy.rows(NUMBERS)).primary.num_rows == len(NUMBERS)
    assert CALLS == [10, 3]


def test_a_value_that_does_not_fit_costs_its_row_and_is_counted(tmp_path: Path) -> None:
    rows = toy.rows({"k0": 1, "k1": 2**62, "k2": 3})
    (report,) = WaveWorker(spec(), Dataset(str(tmp_path))).reports(
        [pa.table({"part": ["part-x"], "rows": [write_rows(rows)]})]
    )
    assert (report["rows"], report["failed"], report["failure_runs"]) == (3, 1, [0, 0, 0, 0])
    result_rows = Dataset(str(tmp_path)).read_parts(toy.OUTPUTS[0], "f1", {"part-x": None}).to_pylist()
    assert [row["double"] for row in result_rows] == [2, None, 6]
    assert result_rows[1]["error"].startswith("doubled.double = 9223372036854775808 does not fit int64")


def test_a_driver_stage_must_take_batches(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="has no process_batch"):
        list(WaveWorker(spec(toy.Doubler), Dataset(str(tmp_path))).reports(in_parts(4)))
