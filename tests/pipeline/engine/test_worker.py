"""A worker after a death: rows are processed one by one, without the one that killed too often."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.engine import worker as workers
from pipeline.engine.ipc import write_rows
from pipeline.engine.worker import PartWorker, WorkerLimits, marks_of
from pipeline.stage import Result, Row
from tests.pipeline import toy

LIMITS = WorkerLimits(max_attempts=1, max_worker_deaths=2)
ROWS = toy.rows({f"k{number}": number for number in range(4)})
CALLS: list[list[str]] = []


class Batch:
    """A stage that takes a part as a whole; notes what it was asked."""

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        CALLS.append([row["id"] for row in rows])
        for row in rows:
            yield Result(key=row["id"], values={"id": row["id"], "double": 2 * row["number"]})


def work(folder: Path, build: Any, mark: dict[str, Any]) -> dict[str, dict[str, Any]]:
    spec = replace(toy.spec(), build=build, arguments={}, outputs=toy.OUTPUTS[:1])
    dataset = Dataset(str(folder))
    dataset.store.write(f"{marks_of(spec)}/part-x", json.dumps(mark).encode())
    worker = PartWorker(spec, str(folder), LIMITS)
    report = worker._report("part-x", write_rows(ROWS))
    assert "fatal" not in report
    table = dataset.read_parts(toy.OUTPUTS[0], "f1", {"part-x": None})
    assert not dataset.store.exists(f"{marks_of(spec)}/part-x")
    return {row["id"]: row for row in table.to_pylist()}


def test_a_batch_goes_row_by_row_without_the_killer(tmp_path: Path) -> None:
    CALLS.clear()
    results = work(tmp_path, Batch, {"deaths": {"k1": 1}, "row": "k1"})
    assert CALLS == [["k0"], ["k2"], ["k3"]]
    assert [key for key, row in results.items() if row["status"] == "failed"] == ["k1"]
    assert "worker process died 2 times" in results["k1"]["error"]


def test_other_parts_go_row_by_row(tmp_path: Path) -> None:
    results = work(tmp_path, toy.Doubler, {"deaths": {}, "row": None})
    assert {key: row["double"] for key, row in results.items()} == {f"k{number}": 2 * number for number in range(4)}


def test_a_value_that_does_not_fit_costs_its_row_and_is_counted(tmp_path: Path) -> None:
    worker = PartWorker(toy.spec(), str(tmp_path), LIMITS)
    report = worker._report("part-x", write_rows(toy.rows({"k0": 1, "k1": 2**62, "k2": 3})))
    assert (report["rows"], report["failed"], report["last_error"]) == (3, 1, None)
    table = Dataset(str(tmp_path)).read_parts(toy.OUTPUTS[0], "f1", {"part-x": None})
    assert {row["id"]: row["status"] for row in table.to_pylist()} == {"k0": "ok", "k1": "failed", "k2": "ok"}


def test_the_reason_of_a_death_is_recorded_where_it_is_known(tmp_path: Path) -> None:
    mark = {"deaths": {"k1": 1}, "reasons": {}, "row": "k1", "reason": "it took 9.1 GB of memory"}
    results = work(tmp_path, toy.Doubler, mark)
    assert results["k1"]["error"] == "the worker process died 2 times on this row: it took 9.1 GB of memory"
    assert [key for key, row in results.items() if row["status"] == "failed"] == ["k1"]


def test_a_process_does_not_take_the_worker_of_an_earlier_run_with_other_settings(tmp_path: Path) -> None:
    tasks = pa.Table.from_pylist([{"part": "part-x", "rows": write_rows(ROWS)}])
    spec = toy.spec()
    wrong = replace(spec, arguments={"nonsense": 1})
    first = json.loads(workers.work(tasks, "run 1", wrong, str(tmp_path), LIMITS)["report"][0].as_py())
    assert "unexpected keyword argument" in first["fatal"]
    again = json.loads(workers.work(tasks, "run 2", spec, str(tmp_path), LIMITS)["report"][0].as_py())
    assert (again["rows"], again["failed"]) == (len(ROWS), 0)
