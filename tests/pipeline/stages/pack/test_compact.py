"""Compacting: the shards of a first run, copied byte for byte, and the same order of training as before.

python -m pytest tests/pipeline/stages/pack/test_compact.py
"""

from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.dataset.folder import Dataset
from pipeline.engine.stage_record import StageRecord
from pipeline.stage import Row
from pipeline.stages.pack.compact import compact
from schemas.dataset_files import INDEX
from schemas.errors import DatasetError
from schemas.outcome_tables import SAMPLES
from tests.pipeline.in_process import InProcessEngine
from tests.pipeline.stages.pack.test_packing import check, index, make_older, packed, shards, sources, waiting
from tests.pipeline.stages.pack.test_stage import config
from training.config import StageConfig
from training.data.index import SampleIndex
from training.data.plan import plan_epoch
from training.data.selection import select
from training.data.shapes import Geometry

__all__ = ["sources"]


def compacted(folder: Path) -> dict[str, StageRecord]:
    engine = InProcessEngine(Dataset(str(folder)))
    compact(engine, config(samples_per_shard=2))
    return engine.records


def trained(folder: Path, epoch: int) -> list[list[str]]:
    """The ids of the packs of an epoch, in their order."""
    samples = SampleIndex.open(str(folder))
    stage = StageConfig(name="low", steps=1, max_seconds=6.2, pack_length=400, packs_per_step=2)
    plan = plan_epoch(select(samples, stage, Geometry(), ()), stage, 7, epoch)
    ids = samples.sample_ids.to_pylist()
    return [[ids[row] for row in plan.packs.items[first:end]] for first, end in pairwise(plan.packs.starts)]


def grown(folder: Path, clips: list[Row]) -> list[Row]:
    """A dataset that grew, lost a clip and got another caption; returns what ships."""
    packed(folder, clips[:2])
    packed(folder, clips[:5])
    shipped = [{**clips[0], "dense": "other"}, *clips[2:8]]
    packed(folder, shipped)
    return shipped


def test_compacting_gives_the_shards_of_a_first_run_without_their_sources(sources: list[Row], tmp_path: Path) -> None:
    shipped = grown(tmp_path / "grown", sources)
    packed(tmp_path / "fresh", shipped)
    assert len(shards(tmp_path / "grown")) > len(shards(tmp_path / "fresh")) == 4
    assert waiting(tmp_path / "grown")
    records = compacted(tmp_path / "grown")
    assert set(records) == {"compact", "index"}
    check(tmp_path / "grown", shipped)
    assert sorted(shards(tmp_path / "grown").values()) == sorted(shards(tmp_path / "fresh").values())
    places = ("shard",)
    rows = [
        {key: {name: value for name, value in row.items() if name not in places} for key, row in index(folder).items()}
        for folder in (tmp_path / "grown", tmp_path / "fresh")
    ]
    assert rows[0] == rows[1]
    assert waiting(tmp_path / "grown") == []


def test_what_is_compact_stays(sources: list[Row], tmp_path: Path) -> None:
    shipped = grown(tmp_path, sources)
    compacted(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = compacted(tmp_path)
    assert (again["compact"].computed, again["index"].computed) == (0, 0)
    idle = packed(tmp_path, shipped)
    assert [idle[name].computed for name in ("encode", "pack", "index")] == [0, 0, 0]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_order_of_training_is_the_same_before_and_after(sources: list[Row], tmp_path: Path) -> None:
    grown(tmp_path, sources)
    before = [trained(tmp_path, epoch) for epoch in range(3)]
    identity = SampleIndex.open(str(tmp_path)).identity()
    assert len({str(plan) for plan in before}) > 1
    compacted(tmp_path)
    assert [trained(tmp_path, epoch) for epoch in range(3)] == before
    assert SampleIndex.open(str(tmp_path)).identity() == identity


def test_shards_of_version_7_can_be_compacted(sources: list[Row], tmp_path: Path) -> None:
    shipped = grown(tmp_path, sources)
    make_older(tmp_path)
    compacted(tmp_path)
    check(tmp_path, shipped)
    assert packed(tmp_path, shipped, upstream={"split": "s"})["encode"].computed == 0


def test_a_failed_sample_stays_in_the_index(sources: list[Row], tmp_path: Path) -> None:
    lost = {**sources[1], "uri": str(tmp_path / "gone.mp4")}
    packed(tmp_path / "set", [sources[0], lost, *sources[2:4]])
    before = index(tmp_path / "set")
    compacted(tmp_path / "set")
    assert index(tmp_path / "set") == before


def test_a_missing_shard_is_refused_before_anything_is_written(sources: list[Row], tmp_path: Path) -> None:
    grown(tmp_path, sources)
    gone = min((tmp_path / "shards").rglob("*.tar"))
    gone.unlink()
    before = Dataset(str(tmp_path)).read_table(INDEX, SAMPLES)
    with pytest.raises(DatasetError, match=rf"1 shards are missing or truncated, such as .*{gone.name}; run `just cur"):
        compacted(tmp_path)
    assert Dataset(str(tmp_path)).read_table(INDEX, SAMPLES).equals(before)
