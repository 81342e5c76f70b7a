"""Verification by a run: only what is new is opened, and what is wrong is said until it changes.

python -m pytest tests/pipeline/stages/pack/test_verify_new.py
"""

from pathlib import Path

import pytest

from pipeline.dataset.folder import Dataset
from pipeline.stage import Row
from pipeline.stages.pack.compact import compact
from pipeline.stages.pack.verify import verify_new
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES
from tests.pipeline.in_process import InProcessEngine
from tests.pipeline.stages.pack.test_packing import packed, sources
from tests.pipeline.stages.pack.test_stage import config

__all__ = ["sources"]


def checked(folder: Path, decode: bool = True) -> tuple[int, list[str]]:
    """How many shards are opened, and what is wrong with all of them."""
    engine = InProcessEngine(Dataset(str(folder)))
    complaints = verify_new(engine, engine.dataset.read_table(INDEX, SAMPLES), decode)
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
