"""The plan of an epoch: every sample as often as its weight says, no pack over its length, the share of images held.

python -m pytest tests/training/data/test_plan.py
"""

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import ConfigError
from training.benchmarks.plan import made_index
from training.config import StageConfig
from training.data.plan import WINDOW_SHARDS, EpochPlan, plan_epoch
from training.data.selection import Selection, select
from training.data.shapes import Geometry

LONGEST = 13 * 16 * 24 // 4 * 4 + 226  # 49 frames of 384x256
EPOCHS = st.integers(0, 3)
SHARES = st.sampled_from([0.1, 0.3, 0.5, 0.8])


def stage(**changes: Any) -> StageConfig:
    given_ = {"name": "low", "steps": 1, "max_seconds": 6.2, "pack_length": 12_000, "packs_per_step": 3}
    return StageConfig.model_validate(given_ | changes)


def selected(rows: int, settings_: StageConfig, seed: int = 0) -> Selection:
    return select(made_index(rows, seed), settings_, Geometry(), ())


def packs_of(plan: EpochPlan) -> list[list[int]]:
    return [plan.packs.items[first:end].tolist() for first, end in pairwise(plan.packs.starts)]


def length_of(selection: Selection, row: int) -> int:
    return int(selection.lengths[selection.index.bucket[row]])


def check_packs(selection: Selection, plan: EpochPlan, settings_: StageConfig) -> None:
    lengths = [sum(length_of(selection, row) for row in rows) for rows in packs_of(plan)]
    assert max(lengths, default=0) <= settings_.pack_length
    assert min(plan.packs.sizes, default=1) >= 1
    assert sum(lengths) == plan.tokens
    assert (plan.step_starts[0], plan.step_starts[-1]) == (0, len(lengths))
    assert all(1 <= count <= settings_.packs_per_step for count in np.diff(plan.step_starts))


@settings(max_examples=25)
@given(st.integers(1, 3000), st.integers(0, 99), EPOCHS, st.integers(LONGEST, 40_000), st.integers(1, 5))
def test_every_sample_once_and_no_pack_too_long(rows: int, seed: int, epoch: int, length: int, packs: int) -> None:
    wanted = stage(pack_length=length, packs_per_step=packs)
    selection = selected(rows, wanted)
    plan = plan_epoch(selection, wanted, seed, epoch)
    check_packs(selection, plan, wanted)
    assert np.array_equal(np.sort(plan.packs.items), selection.rows)
    assert set(np.diff(plan.step_starts)[:-1].tolist()) <= {packs}


@settings(max_examples=30)
@given(st.integers(200, 2000), st.integers(0, 99), EPOCHS, SHARES, st.sampled_from([1, 2, 4]))
def test_every_step_has_its_share_of_images_to_within_one(
    rows: int, seed: int, epoch: int, share: float, packs: int
) -> None:
    wanted = stage(pack_length=30_000, image_share=share, packs_per_step=packs)
    selection = selected(rows, wanted)
    plan = plan_epoch(selection, wanted, seed, epoch)
    check_packs(selection, plan, wanted)
    images = {int(row) for row, image in zip(selection.rows, selection.row_images, strict=True) if image}
    packs_of_plan = packs_of(plan)
    for first, end in pairwise(plan.step_starts):
        rows_of_step = [row for pack in packs_of_plan[first:end] for row in pack]
        count = sum(row in images for row in rows_of_step)
        assert abs(count - share * len(rows_of_step)) <= 1
    times = Counter(plan.packs.items.tolist())
    assert {times[int(row)] for row in selection.rows if int(row) not in images} == {1}
    assert max(times[row] for row in images) - min(times[row] for row in images) <= 2


def test_a_plan_is_a_function_of_seed_epoch_and_stage() -> None:
    wanted = stage()
    selection = selected(2000, wanted)

    def plan(settings_: StageConfig = wanted, seed: int = 0, epoch: int = 0) -> list[list[int]]:
        return packs_of(plan_epoch(selection, settings_, seed, epoch))

    assert plan() == plan()
    assert plan() != plan(seed=1)
    assert plan() != plan(epoch=1)
    assert plan() != plan(stage(name="high"))
    assert plan() == plan(stage(packs_per_step=7, learning_rate=1.0))  # steps are cut from the same packs


def test_packs_are_full() -> None:
    for changes, fill in (({"pack_length": 25_000}, 0.98), ({"pack_length": 25_000, "image_share": 0.5}, 0.94)):
        wanted = stage(**changes)
        assert plan_epoch(selected(20_000, wanted), wanted, 0, 0).fill >= fill


@given(st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.75]), st.integers(0, 50))
@settings(max_examples=10)
def test_weights_hold_over_the_epochs_and_in_each(weight: float, seed: int) -> None:
    wanted = stage()
    selection = selected(300, wanted)
    weighted = Selection(
        selection.index,
        selection.rows,
        np.where(selection.rows % 2, weight, 1.0),
        selection.shapes,
        selection.lengths,
        (),
    )
    times = np.zeros(300)
    for epoch in range(4):
        counts = np.bincount(plan_epoch(weighted, wanted, seed, epoch).packs.items, minlength=300)
        assert set(counts[::2]) == {1}
        assert set(counts[1::2]) <= {int(weight), -int(-weight // 1)}
        assert abs(counts[1::2].sum() - 150 * weight) <= 2
        times += counts
    assert np.all(times[1::2] == 4 * weight)


def test_a_stretch_of_the_epoch_reads_few_shards() -> None:
    wanted = stage()
    selection = selected(40_000, wanted)
    plan = plan_epoch(selection, wanted, 0, 0)
    shards = selection.index.shard[plan.packs.items]
    assert len(np.unique(shards)) > 5 * WINDOW_SHARDS
    near = [len(np.unique(shards[first : first + 1000])) for first in range(0, len(shards), 1000)]
    assert max(near) <= 2 * WINDOW_SHARDS + 4  # two windows, and what the last pack of one before left over
    assert min(near[:-1]) >= WINDOW_SHARDS // 2  # and yet mixes them


def test_a_share_of_images_that_cannot_be_held_is_refused() -> None:
    none = stage(image_share=0.5)
    selection = selected(500, none)
    clips = Selection(
        selection.index,
        selection.rows[~selection.row_images],
        selection.weights[~selection.row_images],
        selection.shapes,
        selection.lengths,
        (),
    )
    with pytest.raises(ConfigError, match=r"image_share is 0\.5, but there is no image; set it to null"):
        plan_epoch(clips, none, 0, 0)
    narrow = stage(image_share=0.9, packs_per_step=1, pack_length=LONGEST)
    with pytest.raises(ConfigError, match="raise packs_per_step or pack_length, or lower image_share"):
        plan_epoch(selected(500, narrow), narrow, 0, 0)
