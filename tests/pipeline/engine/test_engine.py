"""The engine on Ray with a toy stage: pending rows, parts, failures, crashes of workers, retries, and the record."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import make_part
from pipeline.dataset.query import querying
from pipeline.dataset.stage_run import StageRun
from pipeline.engine.cluster import Cluster
from pipeline.engine.engine import Engine, consecutive_failures
from pipeline.engine.worker import marks_of
from pipeline.stage import StageSpec
from schemas.config import EngineConfig
from schemas.errors import DatasetError, StageError
from schemas.ids import digest
from schemas.limits import Limits
from tests.pipeline import toy

NUMBERS = {f"k{number:02d}": number for number in range(10)}


def run(
    cluster: Cluster,
    folder: Path,
    spec: StageSpec,
    rows: pa.Table,
    retry: bool = False,
    config: EngineConfig | None = None,
) -> tuple[StageRun, Engine]:
    engine = Engine(Dataset(str(folder)), config or EngineConfig(), cluster, retry)
    return engine.run(spec, rows), engine


def doubles(stage_run: StageRun) -> dict[str, int]:
    return {row["id"]: row["double"] for row in stage_run.primary.to_pylist()}


def test_every_row_gets_its_own_result_and_nothing_is_computed_twice(cluster: Cluster, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    spec = toy.spec(calls=str(calls))
    stage_run, first = run(cluster, tmp_path / "set", spec, toy.rows(NUMBERS))
    assert doubles(stage_run) == {key: 2 * number for key, number in NUMBERS.items()}
    assert len(stage_run.table(toy.OUTPUTS[1])) == 2 * len(NUMBERS)
    again, second = run(cluster, tmp_path / "set", spec, toy.rows(NUMBERS))
    assert again.primary.equals(stage_run.primary)
    assert sorted(calls.read_text().split()) == sorted(NUMBERS)
    assert (first.records["double"].computed, second.records["double"].computed) == (10, 0)
    assert first.records["double"].counters == {"doubled": 10}


def test_growth_computes_the_new_rows_only(cluster: Cluster, tmp_path: Path) -> None:
    run(cluster, tmp_path, toy.spec(), toy.rows(NUMBERS))
    grown = {"a-first": 50, **NUMBERS, "z-last": 60}
    stage_run, engine = run(cluster, tmp_path, toy.spec(), toy.rows(grown))
    assert engine.records["double"].computed == 2
    assert doubles(stage_run) == {key: 2 * number for key, number in grown.items()}


def test_a_relation_holds_the_rows_that_are_asked_for_and_no_others(cluster: Cluster, tmp_path: Path) -> None:
    run(cluster, tmp_path, toy.spec(), toy.rows(NUMBERS))
    stage_run, _ = run(cluster, tmp_path, toy.spec(), toy.rows({"k01": 1, "k09": 9}))
    for output, columns in ((toy.OUTPUTS[0], ["id", "double"]), (toy.OUTPUTS[1], ["half_id", "id"])):
        with querying(stage_run.dataset.store) as connection:
            relation = stage_run.relation(connection, output, columns).order(columns[0]).to_arrow_table()
        assert relation.equals(stage_run.table(output, columns).select(relation.column_names).combine_chunks())


def test_another_fingerprint_computes_all_and_the_old_one_is_still_there(cluster: Cluster, tmp_path: Path) -> None:
    run(cluster, tmp_path, toy.spec("f1"), toy.rows(NUMBERS))
    _, changed = run(cluster, tmp_path, toy.spec("f2"), toy.rows(NUMBERS))
    _, back = run(cluster, tmp_path, toy.spec("f1"), toy.rows(NUMBERS))
    assert changed.records["double"].computed == 10
    assert back.records["double"].computed == 0


def test_failures_are_their_rows_own_and_retry_takes_only_them(cluster: Cluster, tmp_path: Path) -> None:
    trouble = {"k03": "media", "k05": "bug"}
    stage_run, _ = run(cluster, tmp_path, toy.spec(), toy.rows(NUMBERS, trouble))
    rows = {row["id"]: row for row in stage_run.primary.to_pylist()}
    assert {key for key, row in rows.items() if row["status"] == "failed"} == set(trouble)
    assert rows["k03"]["error"] == "no image in it"
    assert "KeyError" in rows["k05"]["error"]
    _, without = run(cluster, tmp_path, toy.spec(), toy.rows(NUMBERS))
    assert without.records["double"].computed == 0
    mended, engine = run(cluster, tmp_path, toy.spec(), toy.rows(NUMBERS), retry=True)
    assert engine.records["double"].computed == 2
    assert doubles(mended) == {key: 2 * number for key, number in NUMBERS.items()}
    assert {row["id"]: row["attempts"] for row in mended.primary.to_pylist() if row["attempts"] > 1} == {
        "k03": 2,
        "k05": 2,
    }


def test_an_empty_input_and_an_all_failed_stage_are_normal_ends(cluster: Cluster, tmp_path: Path) -> None:
    nothing, engine = run(cluster, tmp_path / "empty", toy.spec(), toy.rows({}))
    assert len(nothing.primary) == 0
    assert len(nothing.table(toy.OUTPUTS[1])) == 0
    failed, engine = run(cluster, tmp_path / "bad", toy.spec(), toy.rows(NUMBERS, dict.fromkeys(NUMBERS, "media")))
    assert engine.records["double"].failed == len(failed.primary) == 10


def test_a_stage_that_fails_too_often_in_a_row_stops_with_the_reason(cluster: Cluster, tmp_path: Path) -> None:
    rows = toy.rows(NUMBERS, dict.fromkeys(NUMBERS, "bug"))
    with pytest.raises(StageError, match=r"double stopped: \d+ rows failed in a row.*KeyError"):
        run(cluster, tmp_path, toy.spec(), rows, config=EngineConfig(max_failures_in_a_row=4))


def test_an_orphan_of_a_killed_worker_is_removed(cluster: Cluster, tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    orphan = toy.HALVES.table([{"half_id": "x-a", "id": "x"}])
    dataset.write_part(toy.OUTPUTS[1], "f1", "part-orphan", orphan)
    stage_run, _ = run(cluster, tmp_path, toy.spec(), toy.rows(NUMBERS))
    assert len(stage_run.table(toy.OUTPUTS[1])) == 20
    assert not dataset.store.exists("halves/f1/part-orphan.parquet")


@pytest.mark.slow
def test_a_row_that_kills_its_worker_is_recorded_and_its_neighbours_live(cluster: Cluster, tmp_path: Path) -> None:
    rows = toy.rows(NUMBERS, {"k04": "crash"})
    stage_run, engine = run(cluster, tmp_path, toy.spec(rows_per_part=5), rows)
    failed = [row for row in stage_run.primary.to_pylist() if row["status"] == "failed"]
    assert [row["id"] for row in failed] == ["k04"]
    assert "worker process died 2 times" in failed[0]["error"]
    assert engine.records["double"].computed == 10
    assert not [path for path in (tmp_path / ".tries").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_row_that_takes_too_much_memory_is_recorded_with_the_limit(cluster: Cluster, tmp_path: Path) -> None:
    rows = toy.rows(NUMBERS, {"k04": "hungry"})
    limits = Limits(worker_gigabytes=0.3)
    engine = Engine(Dataset(str(tmp_path)), EngineConfig(), cluster, limits=limits)
    result_rows = engine.run(toy.spec(rows_per_part=5), rows).primary.to_pylist()
    failed = [row for row in result_rows if row["status"] == "failed"]
    assert [row["id"] for row in failed] == ["k04"]
    assert "died 2 times on this row: it took 0." in failed[0]["error"]
    assert failed[0]["error"].endswith("GB of memory, limits.worker_gigabytes = 0.3")


def test_marks_of_a_killed_run_are_no_parts(cluster: Cluster, tmp_path: Path) -> None:
    """A worker that was killed leaves its mark; the part must be computed, not believed to be there."""
    dataset = Dataset(str(tmp_path))
    spec = toy.spec(rows_per_part=10)
    rows = toy.rows(NUMBERS)
    part = make_part([(key, digest(number)) for key, number in NUMBERS.items()])
    dataset.append_plan(toy.OUTPUTS[0].folder, "f1", [part])
    dataset.store.write(f"{marks_of(spec)}/{part.name}", b'{"deaths": {"k01": 9}, "row": null}')
    stage_run, engine = run(cluster, tmp_path, spec, rows)
    assert engine.records["double"].computed == 10
    assert {row["status"] for row in stage_run.primary.to_pylist()} == {"ok"}


def test_failures_count_as_in_a_row_only_without_a_success_between() -> None:
    assert consecutive_failures(3, [2]) == (5, 5)
    assert consecutive_failures(3, [2, 0]) == (5, 0)
    assert consecutive_failures(3, [0, 4, 1]) == (4, 1)
    assert consecutive_failures(0, [0, 0]) == (0, 0)


def test_a_stage_that_cannot_be_built_ends_the_run_with_one_line(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="stage double cannot run: TypeError"):
        run(cluster, tmp_path, toy.spec(no_such_argument=1), toy.rows(NUMBERS))


def test_a_table_stage_counts_what_changed(tmp_path: Path) -> None:
    engine = Engine(Dataset(str(tmp_path)), EngineConfig(), Cluster())
    first = toy.HALVES.table([{"half_id": "a", "id": "x"}, {"half_id": "b", "id": "x"}])
    second = toy.HALVES.table([{"half_id": "a", "id": "x"}, {"half_id": "b", "id": "y"}])
    counts = []
    for table in (first, first, second):
        engine.table("halves", toy.HALVES, "halves.parquet", table)
        counts.append(engine.records["halves"].computed)
    assert counts == [2, 0, 1]
    assert json.loads(json.dumps(engine.records["halves"].rows)) == 2


def test_a_table_that_an_earlier_version_wrote_is_written_anew(tmp_path: Path) -> None:
    """As the ledger was, when it had no seconds: the same rows without a column, and once without any row."""
    dataset = Dataset(str(tmp_path))
    table = toy.HALVES.table([{"half_id": "a", "id": "x"}])
    for rows in (table, toy.HALVES.empty()):
        pq.write_table(rows.drop_columns(["id"]), tmp_path / "halves.parquet")
        with pytest.raises(DatasetError, match=r"missing columns id.*just curate"):
            dataset.read_table("halves.parquet", toy.HALVES)
        engine = Engine(dataset, EngineConfig(), Cluster())
        engine.table("halves", toy.HALVES, "halves.parquet", rows)
        assert dataset.read_table("halves.parquet", toy.HALVES).equals(rows)
        assert engine.records["halves"].computed == len(rows)
