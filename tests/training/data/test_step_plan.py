"""Steps over epochs: positions follow one another, and a run that resumes gets the same packs without the past.

python -m pytest tests/training/data/test_steps.py
"""

import pytest

from schemas.errors import ConfigError
from tests.training.data.test_plan import selected, stage
from training.config import StageConfig
from training.data import step_plan
from training.data.plan import EpochPlan, plan_epoch
from training.data.selection import Selection
from training.data.step_plan import Position, StepPlan


def test_steps_run_through_the_epochs_and_each_epoch_through_its_samples() -> None:
    wanted = stage()
    plan = StepPlan(selected(300, wanted), wanted, seed=3)
    first = plan.epoch(0).steps
    assert plan.position(first - 1) == Position(0, first - 1)
    assert plan.position(first) == Position(1, 0)
    for epoch, numbers in ((0, range(first)), (1, range(first, first + plan.epoch(1).steps))):
        samples = [sample for step in numbers for pack in plan.packs(step) for sample in pack.samples]
        assert {sample.epoch for sample in samples} == {epoch}
        assert sorted(sample.sample_id for sample in samples) == sorted(plan.selection.index.sample_ids.to_pylist())


def test_a_sample_is_planned_as_the_index_has_it() -> None:
    wanted = stage(short_side=128)
    plan = StepPlan(selected(100, wanted), wanted, seed=0)
    index = plan.selection.index
    ids = index.sample_ids.to_pylist()
    for pack in plan.packs(0):
        assert pack.tokens == sum(sample.tokens for sample in pack.samples) <= wanted.pack_length
        for sample in pack.samples:
            row = ids.index(sample.sample_id)
            assert sample.shard == index.shards[int(index.shard[row])].as_py()
            assert (sample.offset, sample.size) == (index.offset[row], index.size[row])
            assert min(sample.shape.width, sample.shape.height) == 128


def test_a_resumed_plan_gives_the_same_packs_and_plans_every_epoch_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stage_config = stage()
    plan = StepPlan(selected(200, stage_config), stage_config, seed=1)
    step = plan.epoch(0).steps + plan.epoch(1).steps + 2
    packs = [plan.packs(step), plan.packs(step + 1)]
    planned: list[int] = []

    def watched(selection: Selection, stage_: StageConfig, seed: int, epoch: int) -> EpochPlan:
        planned.append(epoch)
        return plan_epoch(selection, stage_, seed, epoch)

    monkeypatch.setattr(step_plan, "plan_epoch", watched)
    resumed = StepPlan(selected(200, stage_config), stage_config, seed=1)
    assert [resumed.packs(step), resumed.packs(step + 1)] == packs
    assert planned == [0, 1, 2]


def test_nothing_to_train_is_an_error_before_the_first_step() -> None:
    wanted = stage(pack_length=100)
    with pytest.raises(ConfigError, match="no sample is left of 50"):
        StepPlan(selected(50, wanted), wanted, seed=0)
