"""Verification by a run: only what is new is opened, and what is wrong is said until it changes.

python -m pytest tests/pipeline/stages/pack/test_verify_new.py
"""

import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.folder import Dataset
from pipeline.dataset.query import querying
from pipeline.stage import Row
from pipeline.stages.pack.compact import compact
from pipeline.stages.pack.verify import shard_rows, verify_new
from pipeline.storage.store import Store
from schemas.outcome_tables import SAMPLES
from tests.pipeline.in_process import InProcessEngine
from tests.pipeline.stages.pack.test_packing import packed, sources
from tests.pipeline.stages.pack.test_stage import config

__all__ = ["sources"]


def checked(folder: Path, decode: bool = True) -> tuple[int, list[str]]:
    """How many shards are opened, and what is wrong with all of them."""
    engine = InProcessEngine(Dataset(str(folder)))
    complaints = verify_new(engine, decode)
    return engine.records["verify"].computed, complaints


def test_a_shard_is_opened_once(sources: list[Row], tmp_path: Path) -> None:
    packed(tmp_path, sources[:4])
    assert checked(tmp_path) == (2, [])
    assert checked(tmp_path) == (0, [])
    packed(tmp_path, sources[:6])
    assert checked(tmp_path) == (1, [])
    packed(tmp_path, [{**sources[0], "dense": "other"}, *sources[1:6]])
    assert checked(tmp_path) == (1, [])
    assert checked(tmp_path) == (0, [])


def test_a_shard_that_changes_is_opened_again_and_named_until_it_is_right(sources: list[Row], tmp_path: Path) -> None:
    packed(tmp_path, sources[:4])
    checked(tmp_path)
    path = tmp_path / "shards/64x48x17-8fps/train-000001.tar"
    sound = path.read_bytes()
    path.write_bytes(sound[:3000] + bytes([sound[3000] ^ 1]) + sound[3001:])
    count, complaints = checked(tmp_path)
    assert count == 1
    assert all("train-000001.tar" in complaint or "sample" in complaint for complaint in complaints)
    assert checked(tmp_path) == (0, complaints)
    path.write_bytes(sound)
    assert checked(tmp_path) == (1, [])


def test_a_shard_that_is_missing_is_left_to_the_listing(sources: list[Row], tmp_path: Path) -> None:
    packed(tmp_path, sources[:4])
    (tmp_path / "shards/64x48x17-8fps/train-000001.tar").unlink()
    assert checked(tmp_path) == (1, [])


def test_after_compacting_nothing_is_decoded_to_check_it(
    sources: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(tmp_path, sources[:3])
    packed(tmp_path, sources[:6])
    checked(tmp_path)

    def refuse(*_: object) -> None:
        raise AssertionError("a sample is decoded")

    monkeypatch.setattr("pipeline.dataset.verify_shard._read_video", refuse)
    compact(InProcessEngine(Dataset(str(tmp_path))), config(samples_per_shard=2))
    opened, complaints = checked(tmp_path, decode=False)
    assert opened > 0
    assert complaints == []
    assert checked(tmp_path) == (0, [])


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 99)), unique=True, min_size=1, max_size=90))
def test_each_shard_is_checked_against_its_own_samples(places: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        known = {"status": "ok", "size": 1, "checksum": "c", "bucket": "64x48x17@8"}
        named = [(f"b{shard % 7}/train-{shard:06d}.tar", offset) for shard, offset in places]
        rows = [
            SAMPLES.failed_row(f"s{shard}-{offset}", "", 1, {}) | known | {"shard": shard, "offset": offset}
            for shard, offset in named
        ]
        for shard, _ in named:
            path = Path(folder) / "shards" / shard
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"tar")
        samples = pa.Table.from_pylist(rows, schema=SAMPLES.schema)
        with querying(Store(folder)) as connection:
            tables = shard_rows(Dataset(folder), connection.from_arrow(samples))
            listed = [row for table in tables for row in table.to_pylist()]
    expected: dict[str, list[int]] = {}
    for shard, offset in sorted(named, key=lambda place: place[1]):
        expected.setdefault(shard, []).append(offset)
    assert {row["shard"]: [sample["offset"] for sample in row["samples"]] for row in listed} == expected
