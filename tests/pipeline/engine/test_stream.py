"""Streams of toy stages on Ray: the same results as stage by stage, at the same time, and after any interruption.

python -m pytest tests/pipeline/engine/test_stream.py
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.dataset.folder import Dataset
from pipeline.dataset.stage_run import StageRun
from pipeline.engine.cluster import Cluster
from pipeline.engine.engine import Engine
from pipeline.engine.groups import Slice, SlicedRows
from pipeline.engine.steps import Ahead, Step, Tables
from schemas.config import EngineConfig
from schemas.errors import StageError
from tests.pipeline import toy
from tests.pipeline.engine import toy_stream
from tests.pipeline.engine.toy_stream import expected, texts

SLICE = "slice-000000"
NUMBERS = {f"v{number:02d}": number for number in range(9)}


def run(
    cluster: Cluster,
    folder: Path,
    steps: list[Step],
    numbers: dict[str, int] = NUMBERS,
    trouble: dict[str, str] | None = None,
    retry: bool = False,
    ahead: Ahead | None = None,
    **config: Any,
) -> tuple[dict[str, StageRun], Engine]:
    engine = Engine(Dataset(str(folder)), EngineConfig(**config), cluster, retry)
    names = pa.array([SLICE] * len(numbers), pa.string())
    given = {"numbers": SlicedRows(toy.rows(numbers, trouble), "id", names)}
    slices = [Slice(SLICE, lambda: toy_stream.groups(sorted(numbers)))]
    return engine.stream(steps, slices, given, {}, ahead), engine


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("part-*.parquet")}


@pytest.mark.parametrize("place", ["workers", "driver"])
def test_every_row_flows_through_all_stages_and_nothing_is_computed_twice(
    cluster: Cluster, tmp_path: Path, place: Any
) -> None:
    calls = tmp_path / "calls"
    steps = toy_stream.steps(place, calls=str(calls))
    runs, first = run(cluster, tmp_path / "set", steps)
    assert texts(runs) == expected(NUMBERS)
    again, second = run(cluster, tmp_path / "set", steps)
    assert again["write"].primary.equals(runs["write"].primary)
    assert sorted(calls.read_text().split()) == sorted(expected(NUMBERS))
    counts = [(engine.records[name].rows, engine.records[name].computed, engine.records[name].reused)
              for engine in (first, second) for name in ("double", "write")]  # fmt: skip
    assert counts == [(9, 9, 0), (18, 18, 0), (9, 0, 9), (18, 0, 18)]


def test_the_last_stage_begins_before_the_first_has_ended(cluster: Cluster, tmp_path: Path) -> None:
    steps = toy_stream.steps(waits=True, doubler={"seconds": 0.2})
    run(cluster, tmp_path, steps)
    written = [path.stat().st_mtime_ns for path in tmp_path.glob("written/*/part-*")]
    doubled = [path.stat().st_mtime_ns for path in tmp_path.glob("doubled/*/part-*")]
    assert min(written) < max(doubled)


@pytest.mark.parametrize("place", ["workers", "driver"])
def test_growth_and_a_changed_stage_compute_what_is_new_only(cluster: Cluster, tmp_path: Path, place: Any) -> None:
    run(cluster, tmp_path, toy_stream.steps(place))
    grown = {**NUMBERS, "v90": 90, "v91": 91}
    runs, engine = run(cluster, tmp_path, toy_stream.steps(place), grown)
    assert texts(runs) == expected(grown)
    assert [engine.records[name].computed for name in ("double", "write")] == [2, 4]
    runs, engine = run(cluster, tmp_path, toy_stream.steps(place, "w2"), grown)
    assert texts(runs) == expected(grown)
    assert [engine.records[name].computed for name in ("double", "write")] == [0, 22]


def test_whatever_part_files_are_lost_the_same_come_back(cluster: Cluster, tmp_path: Path) -> None:
    run(cluster, tmp_path, toy_stream.steps())
    whole = files(tmp_path)
    primary = sorted(path for path in whole if path.startswith(("doubled", "written")))
    for lost in (primary[:1], primary[::2], primary[-1:], primary):
        for path in lost:
            (tmp_path / path).unlink()
        runs, _ = run(cluster, tmp_path, toy_stream.steps())
        assert texts(runs) == expected(NUMBERS)
        assert files(tmp_path) == whole


def test_a_killed_run_that_wrote_no_plan_is_continued_with_the_same_parts(cluster: Cluster, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    run(cluster, tmp_path / "set", toy_stream.steps(calls=str(calls)))
    whole = files(tmp_path / "set")
    for plan in (tmp_path / "set" / ".plans").rglob("plan-*"):
        plan.unlink()
    runs, engine = run(cluster, tmp_path / "set", toy_stream.steps(calls=str(calls)))
    assert texts(runs) == expected(NUMBERS)
    assert files(tmp_path / "set") == whole
    assert engine.records["write"].computed == 0
    assert len(calls.read_text().split()) == len(expected(NUMBERS))


def test_a_failed_row_has_no_rows_downstream_and_retry_takes_only_it(cluster: Cluster, tmp_path: Path) -> None:
    runs, _ = run(cluster, tmp_path, toy_stream.steps(), trouble={"v03": "media"})
    rest = {key: number for key, number in NUMBERS.items() if key != "v03"}
    assert texts(runs) == expected(rest)
    runs, engine = run(cluster, tmp_path, toy_stream.steps(), retry=True)
    assert texts(runs) == expected(NUMBERS)
    assert [engine.records[name].computed for name in ("double", "write")] == [1, 2]
    assert {row["id"]: row["attempts"] for row in runs["double"].primary.to_pylist()}["v03"] == 2


def test_a_row_that_kills_its_worker_fails_alone(cluster: Cluster, tmp_path: Path) -> None:
    runs, engine = run(cluster, tmp_path, toy_stream.steps(dies_at="v04-0-500"))
    rows = {row["clip_id"]: row for row in runs["write"].primary.to_pylist()}
    assert {key for key, row in rows.items() if row["status"] == "failed"} == {"v04-0-500"}
    assert "died 2 times" in rows["v04-0-500"]["error"]
    assert {key: row["text"] for key, row in rows.items() if row["status"] == "ok"} == {
        key: text for key, text in expected(NUMBERS).items() if key != "v04-0-500"
    }
    assert engine.records["write"].failed == 1


def test_a_stage_that_cannot_start_ends_the_run_with_its_name(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="stage write cannot run: TypeError"):
        run(cluster, tmp_path, toy_stream.steps(nonsense=1))
    runs, _ = run(cluster, tmp_path, toy_stream.steps())
    assert texts(runs) == expected(NUMBERS)


def test_too_many_failures_in_a_row_end_the_run(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"stage double stopped: \d+ rows failed in a row"):
        run(cluster, tmp_path, toy_stream.steps(), trouble=dict.fromkeys(NUMBERS, "bug"), max_failures_in_a_row=4)


def test_a_step_that_works_ahead_leaves_the_rest_to_its_stage(cluster: Cluster, tmp_path: Path) -> None:
    double, write = toy_stream.steps(calls=str(tmp_path / "calls"))
    four = {key: NUMBERS[key] for key in sorted(NUMBERS)[:4]}
    run(cluster, tmp_path / "set", [double], four)
    # Groups whose steps are complete are not sent for it: of nine numbers, five flow.
    runs, engine = run(cluster, tmp_path / "set", [double], ahead=Ahead(write, {}))
    assert "write" not in runs
    assert "write" not in engine.records
    done = (tmp_path / "calls").read_text().split()
    assert sorted(done) == sorted(expected({key: NUMBERS[key] for key in NUMBERS.keys() - four.keys()}))
    rows = toy_stream.halves_of(Tables({}, runs))
    whole = engine.run(write.spec, rows, pa.array([SLICE] * len(rows), pa.string()))
    assert texts({"write": whole}) == expected(NUMBERS)
    assert sorted((tmp_path / "calls").read_text().split()) == sorted(expected(NUMBERS))
    record = engine.records["write"]
    assert (record.rows, record.computed, record.reused) == (18, 18, 0)
