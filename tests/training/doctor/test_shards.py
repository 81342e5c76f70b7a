"""Shards that are missing or cut are told from one listing, before anything is opened or trained.

python -m pytest tests/training/doctor/test_shards.py
"""

from pathlib import Path

import pytest

from schemas.errors import DatasetError
from tests.training.data.made_dataset import make_dataset
from training.commands import train
from training.data.index import SampleIndex
from training.doctor.shards import check_shards, require_dataset
from training.recipes import RECIPES


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    make_dataset(str(tmp_path / "set"), {"64x48x9@8": 12})
    return tmp_path / "set"


def found(dataset: Path) -> list[str]:
    return [
        finding.text for finding in check_shards([SampleIndex.open(str(dataset), split) for split in ("train", "val")])
    ]


def test_whole_shards_are_passed_over(dataset: Path) -> None:
    assert found(dataset) == []
    require_dataset(RECIPES["demo"](), str(dataset))


def test_a_missing_and_a_cut_shard_are_named_with_the_fix(dataset: Path) -> None:
    (dataset / "shards/64x48x9-8fps/val-000000.tar").unlink()
    cut = dataset / "shards/64x48x9-8fps/train-000001.tar"
    cut.write_bytes(cut.read_bytes()[:4000])
    missing, short = found(dataset)
    assert missing.startswith("1 of 4 shards of ")
    assert "is missing: 64x48x9-8fps/val-000000.tar; run the same `just curate` again to pack them" in missing
    assert "is cut off: 64x48x9-8fps/train-000001.tar (4,000 bytes, its samples end at " in short


def test_a_shard_may_be_longer_than_its_samples(dataset: Path) -> None:
    (shard,) = (dataset / "shards").rglob("val-*.tar")
    shard.write_bytes(shard.read_bytes() + bytes(10240))
    assert found(dataset) == []


def test_training_ends_before_a_network_is_opened(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*given: object) -> None:
        raise AssertionError("a network was opened")

    monkeypatch.setattr(train, "join_world", opened)
    for shard in (dataset / "shards").rglob("*.tar"):
        shard.unlink()
    with pytest.raises(DatasetError, match=r"4 of 4 shards of .* are missing: .* and 1 more"):
        train.main([str(dataset)])
