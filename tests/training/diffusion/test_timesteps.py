"""Exact strata for every count, the end reached, no place tied to a band, and a smaller spread of the step's loss."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.diffusion.timesteps import explicit_uniform, step_generator

# Validation loss at t = 100 to 900 (2408.06072, table 9, with explicit uniform sampling).
TIMES, LOSSES = (100, 300, 500, 700, 900), (0.216, 0.126, 0.116, 0.129, 0.157)


@given(st.integers(0, 2**31), st.integers(0, 10**6), st.integers(1, 1500))
def test_one_timestep_in_each_interval(seed: int, step: int, count: int) -> None:
    timesteps = np.sort(explicit_uniform(seed, step, count))
    assert len(timesteps) == count
    assert timesteps.min() >= 0
    assert timesteps.max() <= 999
    # The k-th smallest lies in the k-th interval [k, k + 1) * 1000 / count, up to rounding down to a whole timestep.
    intervals = np.arange(count)
    assert np.all(timesteps >= np.floor(intervals * 1000 / count))
    assert np.all(timesteps <= np.ceil((intervals + 1) * 1000 / count))


def test_a_step_is_the_same_wherever_it_is_computed_and_another_one_differs() -> None:
    assert np.array_equal(explicit_uniform(7, 3, 48), explicit_uniform(7, 3, 48))
    assert not np.array_equal(explicit_uniform(7, 3, 48), explicit_uniform(7, 4, 48))
    assert not np.array_equal(explicit_uniform(7, 3, 48), explicit_uniform(8, 3, 48))


def test_steps_share_no_random_numbers() -> None:
    drawn = [set(step_generator(5, step).random(1000).tolist()) for step in range(4)]
    assert len(set.union(*drawn)) == 4000


def test_every_timestep_is_reached_from_every_place() -> None:
    timesteps = np.stack([explicit_uniform(0, step, 48) for step in range(3000)])
    assert len(np.unique(timesteps)) == 1000, "t = 999 among them"
    for position in range(48):
        bands = np.bincount(timesteps[:, position] * 10 // 1000, minlength=10)
        assert bands.min() > 0.7 * bands.mean(), f"position {position} is tied to a band: {bands}"


def test_the_spread_of_a_steps_mean_loss_falls_by_more_than_half_at_eight() -> None:
    def loss(times: np.ndarray) -> np.ndarray:
        return np.asarray(np.asarray(np.interp(times, TIMES, LOSSES)).mean(axis=1))

    random = np.random.default_rng(0)
    independent = loss(random.integers(0, 1000, (20000, 8))).std()
    stratified = loss(np.stack([explicit_uniform(1, step, 8) for step in range(20000)])).std()
    assert independent / stratified >= 1.9
