"""Samples for a loop of one's own: each once per epoch, in another order in the next, shared out evenly.

python -m pytest tests/cutroom/test_samples.py
"""

import pytest
import torch
from torch.utils.data import DataLoader

import cutroom
from schemas.errors import BucketError, ConfigError
from tests.training.data.made_dataset import COUNTS, make_dataset

BUCKET = "64x48x9@8"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Shards and their index alone: more is not read."""
    folder = tmp_path_factory.mktemp("shards")
    make_dataset(str(folder), {**COUNTS, BUCKET: 20})
    return str(folder)


def _ids(samples: cutroom.TrainingSamples) -> list[str]:
    return [sample["sample_id"] for sample in samples]


def test_every_sample_comes_once_in_an_order_of_its_epoch(dataset: str) -> None:
    samples = cutroom.training_samples(dataset, BUCKET, seed=3)
    first = _ids(samples)
    assert len(first) == len(set(first)) == len(samples) == 16
    samples.set_epoch(1)
    second = _ids(samples)
    assert sorted(second) == sorted(first)
    assert second != first
    samples.set_epoch(0)
    assert _ids(samples) == first
    assert _ids(cutroom.training_samples(dataset, BUCKET, seed=4)) != first


def test_pixels_and_captions_are_those_of_the_shard(dataset: str) -> None:
    sample = next(iter(cutroom.training_samples(dataset, BUCKET)))
    assert (sample["pixels"].shape, sample["pixels"].dtype) == ((9, 48, 64, 3), torch.uint8)
    assert sample["fps"] == 8
    opened = cutroom.training_samples(dataset, "48x64x1")
    picture = next(iter(opened))
    assert (tuple(picture["pixels"].shape), picture["fps"]) == ((1, 64, 48, 3), 0)


def test_processes_and_workers_share_an_epoch_evenly(dataset: str) -> None:
    whole = _ids(cutroom.training_samples(dataset, BUCKET, seed=3))
    shares = [_ids(cutroom.training_samples(dataset, BUCKET, seed=3, rank=rank, world=4)) for rank in range(4)]
    assert [len(share) for share in shares] == [4, 4, 4, 4]
    assert sorted(name for share in shares for name in share) == sorted(whole[:16])
    loader = DataLoader(cutroom.training_samples(dataset, BUCKET, seed=3), batch_size=4, num_workers=2)
    assert sorted(name for batch in loader for name in batch["sample_id"]) == sorted(whole)


def test_rules_leave_samples_out(dataset: str) -> None:
    kept = cutroom.training_samples(dataset, BUCKET, rules=["motion >= 10"])
    assert 0 < len(kept) < 16
    with pytest.raises(ConfigError, match="samples"):
        cutroom.training_samples(dataset, BUCKET, rules=["motion >= 1000"])


def test_what_is_not_there_names_what_is(dataset: str) -> None:
    with pytest.raises(BucketError, match="no train samples of 64x48x25@8; did you mean"):
        cutroom.training_samples(dataset, "64x48x25@8")
    with pytest.raises(ConfigError, match="rank 2 of 2"):
        cutroom.training_samples(dataset, BUCKET, rank=2, world=2)
