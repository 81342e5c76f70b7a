"""Slices at the end of a run: one file per table, marked complete, and what the next runs make of them.

python -m pytest tests/pipeline/stages/slices/test_stage.py
"""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan_files import PlanFiles
from pipeline.dataset.stage_run import StageRun
from pipeline.engine.cluster import Cluster
from pipeline.engine.engine import Engine
from pipeline.engine.grouping import plan_slices
from pipeline.engine.groups import SlicedRows
from pipeline.engine.steps import Step
from pipeline.stages.slices.stage import gather_slices
from schemas.config import EngineConfig
from tests.pipeline import toy
from tests.pipeline.engine import toy_stream
from tests.pipeline.engine.toy_stream import expected, texts

NUMBERS = {f"v{number:02d}": number for number in range(9)}


def run(
    cluster: Cluster,
    folder: Path,
    steps: list[Step],
    numbers: dict[str, int] = NUMBERS,
    trouble: dict[str, str] | None = None,
    retry: bool = False,
) -> tuple[dict[str, StageRun], Engine]:
    """A run as a curation does it: four sources to a slice, gathered and marked at its end."""
    dataset = Dataset(str(folder))
    engine = Engine(dataset, EngineConfig(), cluster, retry)
    rows = toy.rows(numbers, trouble)
    names = pa.array([f"slice-{int(key[1:]) // 4:06d}" for key in numbers], pa.string())
    slices = plan_slices(dataset, "groups/videos", "f", rows["id"], names, 2)
    runs = engine.stream(steps, slices, {"numbers": SlicedRows(rows, "id", names)}, {})
    gathered = gather_slices(engine, runs)
    engine.mark_complete(gathered)
    return gathered, engine


def computed(engine: Engine) -> list[int]:
    return [engine.records[name].computed for name in ("double", "write")]


def tables(folder: Path) -> list[str]:
    """The files of tables, without what depends on their content."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*-*.parquet"))
    return sorted(re.sub("-[0-9a-f]{16}", "", name) for name in names if not name.startswith("."))


def test_a_run_leaves_one_file_per_table_and_slice(cluster: Cluster, tmp_path: Path) -> None:
    runs, _ = run(cluster, tmp_path, toy_stream.steps())
    folders = ("doubled/d1", "halves/d1", "written/w1")
    assert tables(tmp_path) == [f"{folder}/slice-00000{number}.parquet" for folder in folders for number in range(3)]
    assert texts(runs) == expected(NUMBERS)
    assert not (tmp_path / "slices").exists() or not list((tmp_path / "slices").rglob("*.parquet"))


def test_a_marked_slice_is_not_looked_into(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(cluster, tmp_path, toy_stream.steps())

    def refused(plans: PlanFiles, slice_name: str) -> Any:
        raise AssertionError(f"the plan of {slice_name} is read")

    with monkeypatch.context() as patch:
        patch.setattr(PlanFiles, "table", refused)
        runs, engine = run(cluster, tmp_path, toy_stream.steps())
    assert texts(runs) == expected(NUMBERS)
    assert [(engine.records[name].rows, engine.records[name].reused) for name in ("double", "write")] == [
        (9, 9), (18, 18),
    ]  # fmt: skip


def test_what_is_new_is_computed_and_waits_until_it_is_worth_gathering(cluster: Cluster, tmp_path: Path) -> None:
    run(cluster, tmp_path, toy_stream.steps())
    grown = {**NUMBERS, "v90": 90}
    runs, engine = run(cluster, tmp_path, toy_stream.steps(), grown)
    assert (texts(runs), computed(engine)) == (expected(grown), [1, 2])
    assert "doubled/d1/slice-000022.parquet" in tables(tmp_path)
    changed = {**grown, "v00": 100}
    runs, engine = run(cluster, tmp_path, toy_stream.steps(), changed)
    assert (texts(runs), computed(engine)) == (expected(changed), [1, 2])


def test_a_source_that_leaves_and_comes_back_is_not_computed_again(cluster: Cluster, tmp_path: Path) -> None:
    run(cluster, tmp_path, toy_stream.steps())
    less = {key: number for key, number in NUMBERS.items() if key not in ("v01", "v08")}
    for _ in range(2):  # the second finds the mark of the first
        runs, engine = run(cluster, tmp_path, toy_stream.steps(), less)
        assert (texts(runs), computed(engine)) == (expected(less), [0, 0])
    runs, engine = run(cluster, tmp_path, toy_stream.steps())
    assert (texts(runs), computed(engine)) == (expected(NUMBERS), [0, 0])


@pytest.mark.parametrize("lost", ["doubled", "written"])
def test_the_file_of_a_slice_that_is_lost_is_made_again(cluster: Cluster, tmp_path: Path, lost: str) -> None:
    run(cluster, tmp_path, toy_stream.steps())
    whole = {path: path.read_bytes() for path in sorted(tmp_path.glob("*/*/slice-*.parquet"))}
    next(tmp_path.glob(f"{lost}/*/slice-000001-*.parquet")).unlink()
    runs, engine = run(cluster, tmp_path, toy_stream.steps())
    assert texts(runs) == expected(NUMBERS)
    assert computed(engine) == ([4, 0] if lost == "doubled" else [0, 8])
    assert {path: path.read_bytes() for path in sorted(tmp_path.glob("*/*/slice-*.parquet"))} == whole


def test_a_failed_row_is_tried_again_out_of_the_file_of_its_slice(cluster: Cluster, tmp_path: Path) -> None:
    run(cluster, tmp_path, toy_stream.steps(), trouble={"v03": "media"})
    runs, engine = run(cluster, tmp_path, toy_stream.steps(), trouble={"v03": "media"})
    assert (computed(engine), engine.records["double"].failed) == ([0, 0], 1)
    runs, engine = run(cluster, tmp_path, toy_stream.steps(), retry=True)
    assert (texts(runs), computed(engine)) == (expected(NUMBERS), [1, 2])
    assert {row["id"]: row["attempts"] for row in runs["double"].primary.to_pylist()}["v03"] == 2
    runs, engine = run(cluster, tmp_path, toy_stream.steps())
    assert (texts(runs), computed(engine), engine.records["double"].failed) == (expected(NUMBERS), [0, 0], 0)


def test_a_slice_with_a_damaged_part_keeps_its_parts(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gather_damaged(engine: Engine, runs: dict[str, StageRun]) -> dict[str, StageRun]:
        path = next(tmp_path.glob("halves/*/part-*.parquet"))
        path.write_bytes(path.read_bytes()[:40])
        return plain(engine, runs)

    plain = gather_slices
    monkeypatch.setitem(run.__globals__, "gather_slices", gather_damaged)
    runs, engine = run(cluster, tmp_path, toy_stream.steps())
    assert re.search(r"double/slice-\d+: its part files stay as they are: .*damaged", capsys.readouterr().err)
    assert engine.records["slices"].failed == 1
    assert texts(runs) == expected(NUMBERS)
    assert [*tmp_path.glob("doubled/*/part-*.parquet")]
    assert not [*tmp_path.glob("written/*/part-*.parquet")]
