"""The loader: packs in the order of the plan with the right samples, bad ones counted, hung and dead readers noticed.

python -m pytest tests/training/data/test_loader.py
"""

import resource
import time
from collections.abc import Iterable, Iterator
from typing import Any

import psutil
import pytest

from schemas.errors import DatasetError, StageError
from tests.training.data.made_dataset import make_dataset
from tests.training.data.openers import Faulty, Once, latent
from tests.training.data.test_selection import GEOMETRY, stage
from training.config import DataConfig
from training.data.batch import LatentBatch, PixelBatch, samples_of
from training.data.captions import CaptionChoice
from training.data.distribute import RankPack, distribute
from training.data.index import SampleIndex
from training.data.loader import Loader, ReadPack
from training.data.planned import PlannedPack, PlannedSample
from training.data.reading import PixelReader
from training.data.selection import select
from training.data.shapes import ClipShape
from training.data.step_plan import StepPlan


def config(**changes: Any) -> DataConfig:
    return DataConfig.model_validate({"workers": 0, "prefetch": 2, "max_bad_share": 0.5} | changes)


def made(name: str, brightness: int = 1, side: int = 16) -> PlannedSample:
    shape = ClipShape(side, side, 1, 0.0)
    return PlannedSample(
        sample_id=name, clip_id=f"clip-{name}", shape=shape, tokens=9, shard="a.tar", offset=0, size=brightness, epoch=0
    )


def packs_of(*packs: list[PlannedSample]) -> list[RankPack]:
    return [RankPack(0, number, PlannedPack(tuple(samples)), 1) for number, samples in enumerate(packs)]


def packs_of_rank(plan: StepPlan, steps: Iterable[int], rank: int) -> list[RankPack]:
    """What one of two ranks reads in these steps."""
    return [pack for step in steps for pack in distribute(plan.packs(step), 2, 64, step)[rank]]


def names(loaded: ReadPack) -> list[str]:
    return [sample.sample_id for sample in samples_of(loaded.batch)] if loaded.batch else []


def test_workers_give_what_the_plan_says_and_the_same_as_without_them(tmp_path: Any) -> None:
    make_dataset(str(tmp_path))
    wanted = stage(pack_length=120, packs_per_step=3)
    plan = StepPlan(select(SampleIndex.open(str(tmp_path)), wanted, GEOMETRY, ()), wanted, seed=5)
    reader = PixelReader(str(tmp_path), CaptionChoice({"short": 0.5, "dense": 0.5}, 0.1, 5))
    steps = range(2, plan.epoch(0).steps + 2)
    read: dict[int, list[tuple[Any, ...]]] = {}
    for workers in (0, 2):
        read[workers] = []
        for loaded in Loader(reader, config(workers=workers)).load(packs_of_rank(plan, steps, 1)):
            assert isinstance(loaded.batch, PixelBatch)
            assert names(loaded) == [sample.sample_id for sample in loaded.planned.pack.samples]
            read[workers] += [(loaded.planned, s.caption, s.pixels.tobytes()) for s in loaded.batch.samples]
    assert read[0] == read[2]
    both = [{assigned.number for rank in (0, 1) for assigned in packs_of_rank(plan, [step], rank)} for step in steps]
    assert all(numbers == set(range(len(plan.packs(step)))) for step, numbers in zip(steps, both, strict=True))


def test_latents_travel_as_they_are() -> None:
    _, loaded = Loader(latent, config(workers=1)).load(packs_of([made("first")], [made("a", 3), made("b", 4)]))
    assert isinstance(loaded.batch, LatentBatch)
    assert [float(sample.mean.max()) for sample in loaded.batch.samples] == [3.0, 4.0]
    assert loaded.batch.samples[1].text.shape == (5, 8)


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_samples_are_left_out_and_counted_with_their_reasons(workers: int) -> None:
    opener = Faulty(damaged=("b",), surprising=("d",), hung=("e",))
    loader = Loader(opener, config(workers=workers, read_timeout=1.0 if workers else 0.3))
    packs = packs_of([made("first")], [made("a"), made("b")], [made("c"), made("d")], [made("e"), made("f", 7)])
    started = time.monotonic()
    read = list(loader.load(packs))
    assert time.monotonic() - started < 50  # the hung one sleeps for a minute
    assert [names(read_pack) for read_pack in read] == [["first"], ["a"], ["c"], ["f"]]
    assert [read_pack.weight for read_pack in read] == [1, 1, 1, 1]
    assert read[3].batch.samples[0].pixels.max() == 7  # type: ignore[union-attr]
    reasons = {sample.sample_id: sample.reason for sample in loader.bad}
    assert reasons["b"] == "its video cannot be decoded"
    assert reasons["d"] == "ValueError: a library's own error"
    assert "not read within" in reasons["e"]
    assert "data.read_timeout" in reasons["e"]
    assert loader.seen == 7


def test_a_pack_that_is_bad_throughout_has_no_batch_and_no_weight_even_if_it_is_the_first() -> None:
    loader = Loader(Faulty(damaged=("b", "c")), config())
    first, second = loader.load(packs_of([made("b"), made("c")], [made("a")]))
    assert (first.batch, first.weight, len(first.bad), first.kept) == (None, 0, 2, ())
    assert (names(second), second.weight, second.kept) == (["a"], 1, (0,))


def test_of_a_sample_that_stands_twice_the_copy_that_was_read_is_kept() -> None:
    (pack,) = Loader(Once("a"), config()).load(packs_of([made("a"), made("b"), made("a")]))
    assert (names(pack), pack.kept, len(pack.bad)) == (["a", "b"], (0, 1), 1)


def test_too_many_bad_samples_stop_the_run_with_names_and_fix() -> None:
    bad = [f"bad-{number}" for number in range(12)]
    packs = packs_of(*([made("good"), made(name)] for name in bad))
    loader = Loader(Faulty(damaged=tuple(bad)), config(max_bad_share=0.01))
    read: list[ReadPack] = []
    with pytest.raises(DatasetError, match=r"11 of 22 samples could not be read.*max_bad_share = 0\.01.*bad-10"):
        read.extend(loader.load(packs))
    with pytest.raises(DatasetError, match="1 of 2 samples"):
        list(Loader(Faulty(damaged=tuple(bad)), config(max_bad_share=0)).load(packs))


def test_a_worker_that_dies_is_an_error_that_says_how() -> None:
    packs = packs_of([made("first")], [made("a")], [made("b")], [made("c")])
    with pytest.raises(StageError, match=r"data worker 0 was killed by signal 6;.*data\.prefetch"):
        list(Loader(Faulty(deadly=("b",)), config(workers=1)).load(packs))


def test_workers_end_with_the_loading() -> None:
    packs = packs_of(*([made(str(number))] for number in range(50)))
    loading = Loader(Faulty(hung=("20",)), config(workers=1)).load(packs)
    for _ in range(2):
        next(loading)
    (process,) = [child for child in psutil.Process().children() if "training.data.worker" in " ".join(child.cmdline())]
    loading.close()  # type: ignore[attr-defined]
    assert not process.is_running()


def test_memory_does_not_grow_with_what_was_loaded() -> None:
    def packs(count: int) -> Iterator[RankPack]:
        yield from packs_of(*([made(str(number), side=512)] for number in range(count)))

    def peak(count: int) -> int:
        assert sum(1 for _ in Loader(Faulty(), config()).load(packs(count))) == count
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    first = peak(50)
    assert peak(1000) - first < 30_000  # KB; held, the pictures would take 750 MB
