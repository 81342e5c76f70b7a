"""What Energon wants beside the shards, held against its documented rules and against the tars themselves.

python -m pytest tests/pipeline/dataset/test_energon.py
"""

import json
import struct
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from pipeline.dataset.energon import write_energon
from pipeline.dataset.folder import Dataset
from pipeline.dataset.query import querying
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES
from tests.pipeline.packed_dataset import CLIPS, IMAGES, pack_dataset

TRAIN, VAL, IMAGE = (
    f"shards/{CLIPS}/train-000000.tar",
    f"shards/{CLIPS}/val-000000.tar",
    f"shards/{IMAGES}/train-000000.tar",
)


def write(dataset: Dataset, samples: pa.Table) -> None:
    with querying(dataset.store) as connection:
        write_energon(dataset, connection.from_arrow(samples))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    dataset_, samples = pack_dataset(tmp_path_factory.mktemp("energon"))
    write(dataset_, samples)
    return dataset_


def _read(dataset: Dataset, key: str) -> Any:
    return yaml.safe_load(dataset.store.read(key))


def test_every_shard_has_the_places_of_its_samples_and_their_end(dataset: Dataset) -> None:
    counts = json.loads(dataset.store.read(".nv-meta/.info.json"))["shard_counts"]
    assert counts == {IMAGE: 1, TRAIN: 3, VAL: 3}
    for name, count in counts.items():
        data = dataset.store.read(f"{name}.idx")
        offsets = struct.unpack(f"<{len(data) // 8}Q", data)
        assert len(offsets) == count + 1
        with tarfile.open(Path(dataset.store.uri) / name) as tar:
            members = list(tar)
            # The first member of each sample, as the keys change; and where the tar's last member ends.
            keys = [member.name.split(".")[0] for member in members]
            first = [member.offset for index, member in enumerate(members) if keys[index] not in keys[:index]]
            assert list(offsets) == [*first, tar.offset]


def test_splits_name_the_shards_of_all_buckets_and_of_each(dataset: Dataset) -> None:
    parts = {name: _read(dataset, f".nv-meta/{name}.yaml")["split_parts"] for name in ("split", CLIPS, IMAGES)}
    assert parts["split"] == {"train": [IMAGE, TRAIN], "val": [VAL], "test": []}
    assert parts[CLIPS] == {"train": [TRAIN], "val": [VAL], "test": []}
    assert parts[IMAGES] == {"train": [IMAGE], "val": [], "test": []}


def test_every_member_that_a_sample_is_made_of_is_there(dataset: Dataset) -> None:
    fields = _read(dataset, ".nv-meta/dataset.yaml")["field_map"]
    for name in (TRAIN, VAL, IMAGE):
        with tarfile.open(Path(dataset.store.uri) / name) as tar:
            suffixes = {member.name.split(".", 1)[1] for member in tar}
        for choices in fields.values():  # the first that a sample has is taken
            assert suffixes & set(choices.split(","))


def test_nothing_is_written_twice_and_what_belongs_to_no_shard_goes(tmp_path: Path) -> None:
    dataset, samples = pack_dataset(tmp_path)
    write(dataset, samples)
    before = dataset.store.list()
    write(dataset, dataset.read_table(INDEX, SAMPLES))
    assert dataset.store.list() == before
    write(dataset, samples.filter([bucket != "64x48x1" for bucket in samples["bucket"].to_pylist()]))
    left = {file.key for file in dataset.store.list()}
    assert {file.key for file in before} - left == {f"{IMAGE}.idx", f".nv-meta/{IMAGES}.yaml"}
    assert IMAGE in left
