"""Packing: media is made once and copied, shards are only added, and a run that stops anywhere ends the same.

python -m pytest tests/pipeline/stages/pack/test_packing.py
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.dataset.folder import Dataset
from pipeline.dataset.query import Connection, querying
from pipeline.dataset.slices import SliceOf, Slices
from pipeline.engine.stage_record import StageRecord
from pipeline.stage import Row
from pipeline.stages.encode import stage as encode
from pipeline.stages.pack import packing, rounds, stage
from pipeline.stages.pack.committed import packed_sources
from pipeline.stages.pack.packing import Packing
from pipeline.stages.pack.planned import Planned
from pipeline.stages.pack.samples import PLAN_SCHEMA
from pipeline.stages.pack.shard_plan import WANTED
from schemas.dataset_files import INDEX
from schemas.errors import DatasetError
from schemas.ids import video_of
from schemas.outcome_tables import SAMPLES
from tests.pipeline.in_process import InProcessEngine
from tests.pipeline.stages.pack.test_stage import config, make_clips, members_of, plan_clips, stills_of

Records = dict[str, StageRecord]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Nine clips of three videos, with their stills."""
    folder = tmp_path_factory.mktemp("sources")
    names = ("a.mp4", "b.mp4", "c.mp4")
    return [{**clip, "stills": stills_of(clip)} for name in names for clip in make_clips(folder, name)]


def packed(
    folder: Path,
    clips: list[Row],
    afresh: bool = False,
    retry: bool = False,
    upstream: Mapping[str, str] = MappingProxyType({}),
    **changes: object,
) -> Records:
    """Pack these clips and nothing else into the dataset; returns what the stages did."""
    configuration = config(samples_per_shard=2, **changes)
    engine = InProcessEngine(Dataset(str(folder)), retry)
    specs = encode.spec(configuration), stage.spec(configuration, str(folder))
    table = plan_clips(clips, configuration)
    with querying(engine.dataset.store) as connection:
        planned = planned_in_memory(connection, table)
        slice_of = slices_of(engine.dataset, table)
        Packing(engine, configuration.pack, *specs, upstream, slice_of).run(connection, planned, afresh)
    return engine.records


def slices_of(dataset: Dataset, planned: pa.Table) -> SliceOf:
    """Slices of two sources each; the three that there are have one and a half."""
    ids = [video_of(key) for key in planned["sample_id"].to_pylist()]
    here = pa.table({"video_id": pa.array(ids, pa.string()), "key": planned["source"]})
    sources = [here, packed_sources(dataset)]
    keys = pa.chunked_array([chunk for each in sources for chunk in each["key"].chunks], pa.string())
    return Slices.assigned(dataset.store, keys, 2).of_sources(*sources)


def planned_in_memory(connection: Connection, table: pa.Table) -> Planned:
    """The samples of a plan that is there already."""
    rows = connection.from_arrow(table)
    digests = rows.project(", ".join(f'"{name}"' for name in WANTED.names))
    return Planned(digests, rows, lambda batch: batch.select(PLAN_SCHEMA.names).cast(PLAN_SCHEMA))


def shards(folder: Path) -> dict[str, str]:
    """The digest of every shard by name."""
    paths = sorted((folder / "shards").rglob("*.tar"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def index(folder: Path) -> dict[str, Row]:
    rows = Dataset(str(folder)).read_table(INDEX, SAMPLES).to_pylist()
    return {row["sample_id"]: row for row in rows}


def media(folder: Path) -> dict[str, bytes]:
    return {key: members["mp4"] for key, members in members_of(folder).items()}


def waiting(folder: Path) -> list[Path]:
    """The part files of media that is in no shard."""
    return sorted((folder / "encoded_media").rglob("*.parquet"))


def plans(folder: Path) -> list[str]:
    """The slices with a plan of media."""
    return sorted(path.parent.name for path in (folder / ".plans" / "encoded").rglob("plan-*.parquet"))


def check(folder: Path, clips: list[Row]) -> None:
    """The shards hold exactly these clips, with the descriptions and bytes that the index promises."""
    rows = index(folder)
    assert {row["clip_id"] for row in rows.values()} == {clip["clip_id"] for clip in clips}
    assert {row["shard"].split("/")[1] for row in rows.values()} == set(shards(folder))
    for row in rows.values():
        data = (folder / "shards" / row["shard"]).read_bytes()[row["offset"] : row["offset"] + row["size"]]
        assert hashlib.sha256(data).hexdigest() == row["checksum"]
    said = {clip["clip_id"]: clip["dense"] for clip in clips}
    for members in members_of(folder).values():
        described = json.loads(members["json"])
        assert described["caption"] == said[described["clip_id"]] == members["txt"].decode()
    assert not list(folder.rglob("packing/**/*.parquet"))
    assert not list(folder.rglob("samples/**/*.parquet"))


def test_growth_encodes_what_is_new_and_writes_new_shards_only(sources: list[Row], tmp_path: Path) -> None:
    first = packed(tmp_path, sources[:5])
    assert (first["encode"].computed, first["pack"].computed) == (5, 3)
    before = shards(tmp_path)
    assert list(before) == ["train-000000.tar", "train-000001.tar", "train-000002.tar"]
    records = packed(tmp_path, sources[:8])
    assert (records["encode"].rows, records["encode"].reused, records["encode"].computed) == (8, 5, 3)
    after = shards(tmp_path)
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {"train-000003.tar", "train-000004.tar"}
    assert records["pack"].counters["samples_packed"] == 3
    check(tmp_path, sources[:8])
    assert (waiting(tmp_path), plans(tmp_path)) == ([], [])
    idle = packed(tmp_path, sources[:8])
    assert [idle[name].computed for name in ("encode", "pack", "index")] == [0, 0, 0]


def test_another_caption_decodes_nothing_and_writes_the_shards_that_hold_it(sources: list[Row], tmp_path: Path) -> None:
    packed(tmp_path, sources[:6])
    before, pixels, rows = shards(tmp_path), media(tmp_path), index(tmp_path)
    said = [{**sources[0], "dense": "other words"}, *sources[1:6]]
    records = packed(tmp_path, said)
    assert (records["encode"].computed, records["encode"].counters) == (0, {})
    check(tmp_path, said)
    assert media(tmp_path) == pixels
    (changed,) = (row["shard"].split("/")[1] for row in rows.values() if row["clip_id"] == sources[0]["clip_id"])
    after = shards(tmp_path)
    assert before.keys() - after.keys() == {changed}
    assert after.keys() - before.keys() == {"train-000003.tar"}
    others = before.keys() - {changed}
    assert {name: after[name] for name in others} == {name: before[name] for name in others}


def test_a_sample_that_left_and_comes_back_is_not_encoded_again(sources: list[Row], tmp_path: Path) -> None:
    packed(tmp_path, sources[:6])
    pixels = media(tmp_path)
    strict = packed(tmp_path, sources[:3])
    assert strict["encode"].computed == 0
    assert strict["recover"].counters == {"samples_recovered": 3}
    check(tmp_path, sources[:3])
    assert sum(path.stat().st_size for path in waiting(tmp_path)) > 0
    assert plans(tmp_path) == ["slice-000000"]
    back = packed(tmp_path, sources[:6])
    assert (back["encode"].computed, back["encode"].reused) == (0, 6)
    check(tmp_path, sources[:6])
    assert media(tmp_path) == pixels
    assert waiting(tmp_path) == []


def test_an_idle_run_writes_no_index_but_one_of_an_earlier_version(
    sources: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(tmp_path, sources[:4])
    dataset, rows = Dataset(str(tmp_path)), index(tmp_path)
    older = dataset.read_table(INDEX, SAMPLES).rename_columns({"categories": "words"})
    dataset.write_file(INDEX, older)
    assert packed(tmp_path, sources[:4])["index"].rows == 4
    assert dataset.read_table(INDEX, SAMPLES).schema.equals(SAMPLES.schema)
    assert "words" not in pq.read_schema(tmp_path / INDEX).names
    monkeypatch.setattr(packing, "write_index", lambda *_: pytest.fail("the index is written"))
    idle = packed(tmp_path, sources[:4])["index"]
    assert (idle.rows, idle.reused, idle.computed) == (4, 4, 0)
    assert index(tmp_path) == rows
    monkeypatch.undo()
    (tmp_path / INDEX).unlink()
    assert packed(tmp_path, [])["index"].rows == 0
    assert (tmp_path / INDEX).exists()


def test_rounds_do_not_show_in_what_a_run_leaves(
    sources: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [{**sources[0], "dense": "other"}, *sources[3:9]]
    gone = {**sources[2], "uri": str(tmp_path / "gone.mp4")}
    whole = [packed(tmp_path / "whole", clips) for clips in ([*sources[:2], gone, *sources[3:8]], said)]
    monkeypatch.setattr(rounds, "ROWS_AT_ONCE", 4)
    divided = [packed(tmp_path / "divided", clips) for clips in ([*sources[:2], gone, *sources[3:8]], said)]
    for name in ("whole", "divided"):
        check(tmp_path / name, said)
    assert shards(tmp_path / "divided") == shards(tmp_path / "whole")
    assert index(tmp_path / "divided") == index(tmp_path / "whole")
    for before, after in zip(whole, divided, strict=True):
        assert before.keys() == after.keys()
        for name, record in before.items():
            counts = ("rows", "reused", "computed", "failed", "counters")
            assert [getattr(record, key) for key in counts] == [getattr(after[name], key) for key in counts]


def test_another_encoder_encodes_everything_again(sources: list[Row], tmp_path: Path) -> None:
    packed(tmp_path, sources[:3])
    before = shards(tmp_path)
    records = packed(tmp_path, sources[:3], crf=35)
    assert records["encode"].computed == 3
    assert not before.keys() & shards(tmp_path).keys()
    check(tmp_path, sources[:3])


def test_afresh_gives_the_shards_of_a_first_run_without_decoding(sources: list[Row], tmp_path: Path) -> None:
    for clips in (sources[:2], sources[:5], sources[1:7]):
        packed(tmp_path / "grown", clips)
    records = packed(tmp_path / "grown", sources[1:7], afresh=True)
    assert (records["encode"].computed, "recover" in records) == (0, False)
    packed(tmp_path / "fresh", sources[1:7])
    assert sorted(shards(tmp_path / "grown").values()) == sorted(shards(tmp_path / "fresh").values())
    again = packed(tmp_path / "grown", sources[1:7], afresh=True)
    assert again["pack"].computed == 0


def test_another_seed_shuffles_all_shards_by_copying(sources: list[Row], tmp_path: Path) -> None:
    packed(tmp_path / "set", sources)
    records = packed(tmp_path / "set", sources, seed=5)
    assert records["encode"].computed == 0
    packed(tmp_path / "fresh", sources, seed=5)
    assert sorted(shards(tmp_path / "set").values()) == sorted(shards(tmp_path / "fresh").values())


@pytest.mark.parametrize("cut", [None, 40_000, 1000])
def test_of_a_lost_or_truncated_shard_only_what_is_nowhere_else_is_encoded(
    cut: int | None, sources: list[Row], tmp_path: Path
) -> None:
    packed(tmp_path, sources[:6])
    before, pixels = shards(tmp_path), media(tmp_path)
    path = tmp_path / "shards/64x48x17-8fps/train-000001.tar"
    ends = sorted(row["offset"] + row["size"] for row in index(tmp_path).values() if row["shard"].endswith(path.name))
    whole = 0
    if cut is None:
        path.unlink()
    else:
        kept = ends[0] + 100 if cut > 1000 else 1000
        whole = sum(end <= kept for end in ends)
        path.write_bytes(path.read_bytes()[:kept])
    records = packed(tmp_path, sources[:6])
    assert records["encode"].computed == 2 - whole
    check(tmp_path, sources[:6])
    assert media(tmp_path) == pixels
    assert sorted(shards(tmp_path).values()) == sorted(before.values())


def test_damage_does_not_spread_into_another_shard(sources: list[Row], tmp_path: Path) -> None:
    packed(tmp_path, sources[:6])
    path = tmp_path / "shards/64x48x17-8fps/train-000001.tar"
    data = bytearray(path.read_bytes())
    data[3000] ^= 1
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"train-000001.tar is damaged: .* remove the file and run the same command"):
        packed(tmp_path, sources[:6], afresh=True, seed=3)
    path.unlink()
    assert packed(tmp_path, sources[:6], seed=3)["encode"].computed == 2
    check(tmp_path, sources[:6])


def test_a_sample_that_fails_is_in_the_index_and_is_tried_again_only_by_retry(
    sources: list[Row], tmp_path: Path
) -> None:
    lost = {**sources[1], "uri": str(tmp_path / "gone.mp4")}
    clips = [sources[0], lost, *sources[2:4]]
    for _ in range(2):
        records = packed(tmp_path / "set", clips)
        rows = index(tmp_path / "set")
        (failed,) = (row for row in rows.values() if row["status"] == "failed")
        assert (failed["clip_id"], failed["source"], failed["attempts"]) == (lost["clip_id"], "a.mp4", 1)
        assert "removed since it was listed" in failed["error"]
        assert len(rows) == 4
    assert records["encode"].computed == 0
    shutil.copy2(sources[1]["uri"], lost["uri"])
    assert packed(tmp_path / "set", clips, retry=True)["encode"].computed == 1
    check(tmp_path / "set", clips)


def make_older(folder: Path, **settings: object) -> None:
    """Leave what version 7 of pack left: an index without digests, and the record of its run."""
    dataset = Dataset(str(folder))
    table = dataset.read_table(INDEX, SAMPLES).drop_columns(["pixels", "description", "order"])
    dataset.write_file(INDEX, table)
    shutil.rmtree(folder / ".plans")
    configuration = {"pack": config(**settings).pack.model_dump()}
    dataset.write_record({"config": configuration, "stages": {"split": {"fingerprint": "s"}}})


def test_shards_of_version_7_are_taken_over_as_they_are(sources: list[Row], tmp_path: Path) -> None:
    packed(tmp_path, sources[:6])
    before, rows = shards(tmp_path), index(tmp_path)
    make_older(tmp_path)
    records = packed(tmp_path, sources[:6], upstream={"split": "s"})
    assert (records["encode"].computed, records["pack"].computed) == (0, 0)
    assert (shards(tmp_path), index(tmp_path)) == (before, rows)


def test_media_of_version_7_is_copied_where_a_caption_changed_and_made_again_where_pixels_did(
    sources: list[Row], tmp_path: Path
) -> None:
    packed(tmp_path, sources[:6])
    before, pixels = shards(tmp_path), media(tmp_path)
    make_older(tmp_path)
    other = [{**still, "signature": bytes([1]) + still["signature"][1:]} for still in sources[1]["stills"]]
    clips = [{**sources[0], "dense": "other"}, {**sources[1], "stills": other}, *sources[2:6]]
    records = packed(tmp_path, clips, upstream={"split": "s"})
    assert records["encode"].computed == 1
    check(tmp_path, clips)
    assert media(tmp_path) == pixels
    assert before.keys() & shards(tmp_path).keys()


@pytest.mark.parametrize(("settings", "fingerprint"), [({"crf": 30}, "s"), ({}, "other")])
def test_shards_of_version_7_that_were_encoded_otherwise_are_encoded_again(
    settings: dict[str, object], fingerprint: str, sources: list[Row], tmp_path: Path
) -> None:
    packed(tmp_path, sources[:3])
    make_older(tmp_path, **settings)
    assert packed(tmp_path, sources[:3], upstream={"split": fingerprint})["encode"].computed == 3
    check(tmp_path, sources[:3])


_STEPS: list[tuple[Any, str]] = [
    (packing.Packing, "_recover"),
    (packing, "pack_rows"),
    (packing, "remove_uncommitted"),
    (packing, "remove_packed"),
]


@pytest.mark.parametrize(("where", "name"), _STEPS, ids=[name for _, name in _STEPS])
def test_a_run_that_stops_at_a_step_ends_as_one_that_does_not(
    where: Any, name: str, sources: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Callable[[Path], object]] = [
        lambda folder: packed(folder, sources[:6]),
        lambda folder: packed(folder, [{**sources[0], "dense": "other"}, *sources[2:8]]),
    ]
    for run in runs:
        run(tmp_path / "whole")
    for run in runs:
        with monkeypatch.context() as patch:

            def stop(*_: object) -> None:
                raise KeyboardInterrupt

            patch.setattr(where, name, stop)
            with pytest.raises(KeyboardInterrupt):
                run(tmp_path / "stopped")
        run(tmp_path / "stopped")
    assert shards(tmp_path / "stopped") == shards(tmp_path / "whole")
    assert index(tmp_path / "stopped") == index(tmp_path / "whole")
    files = [
        sorted(str(path.relative_to(tmp_path / name)) for path in (tmp_path / name).rglob("*") if path.is_file())
        for name in ("stopped", "whole")
    ]
    assert files[0] == files[1]
