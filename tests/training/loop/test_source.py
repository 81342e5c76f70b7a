"""A dataset's steps at any number of processes: every sample once, at the place it has for one process."""

import pytest
import torch

from tests.training.data.made_dataset import make_dataset
from training.config import DataConfig, StageConfig, TrainConfig
from training.data.shapes import Geometry
from training.encoders.linear import open_linear
from training.encoders.minilm import MiniLM
from training.loop.source import DatasetSource
from training.parallel import World

BUCKETS = {"64x48x9@8": 10, "48x64x1": 6, "64x64x17@8": 6}
STEPS = 6


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("dataset"))
    make_dataset(folder, BUCKETS)
    return folder


def source(dataset: str, rank: int, size: int) -> DatasetSource:
    stage = StageConfig(name="one", steps=STEPS, short_side=48, pack_length=120, packs_per_step=2)
    config = TrainConfig(data=DataConfig(workers=0), stages=[stage])
    world = World(rank, size, torch.device("cpu"))
    return DatasetSource(config, dataset, (open_linear(), MiniLM(20)), Geometry(text_length=20), 32, world)


def placed(dataset: str, size: int, first: int = 0) -> list[dict[int, str]]:
    """Position to sample of every step, over all processes of a world."""
    steps: list[dict[int, str]] = [{} for _ in range(first, STEPS)]
    for rank in range(size):
        loaded = list(source(dataset, rank, size).steps(0, first))
        assert len(loaded) == STEPS - first
        for ids, step in zip(steps, loaded, strict=True):
            for pack in step.packs:
                for key in pack.keys if pack else ():
                    assert key.position not in ids, "a sample counts once"
                    assert key.count == step.samples
                    ids[key.position] = key.sample_id
    return steps


@pytest.mark.parametrize("size", [2, 3, 4])
def test_processes_share_the_steps_of_one_whether_or_not_there_is_a_pack_for_each(dataset: str, size: int) -> None:
    assert placed(dataset, size) == placed(dataset, 1)


def test_every_process_computes_as_many_packs_in_a_step(dataset: str) -> None:
    counts = [[len(step.packs) for step in source(dataset, rank, 4).steps(0, 0)] for rank in range(4)]
    assert all(count == counts[0] for count in counts)
    idle = [step.packs for step in source(dataset, 3, 4).steps(0, 0)]
    assert all(packs == (None,) for packs in idle)


def test_from_a_later_step_on_it_is_the_same(dataset: str) -> None:
    assert placed(dataset, 3, first=4) == placed(dataset, 1)[4:]


def test_held_out_packs_are_shared_out_too(dataset: str) -> None:
    def ids_and_lengths(size: int) -> tuple[list[str], set[int]]:
        packs = [list(source(dataset, rank, size).validation_packs(0)) for rank in range(size)]
        ids = [key.sample_id for packs_of_rank in packs for pack in packs_of_rank if pack for key in pack.keys]
        return sorted(ids), {len(packs_of_rank) for packs_of_rank in packs}

    alone, together = ids_and_lengths(1), ids_and_lengths(3)
    assert alone[0] == together[0]
    assert len(together[1]) == 1
    assert alone[0]
