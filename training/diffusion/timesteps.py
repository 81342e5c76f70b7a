"""Explicit uniform sampling: the timesteps of one optimiser step are spread evenly over all noise levels.

CogVideoX (2408.06072, section 3.3) assigns each data-parallel rank its own interval of timesteps, so the loss of a step
varies less. Its code ties a rank to one interval for ever, drops the last timesteps where the number of ranks does not
divide 1000, and has little effect on few ranks. Here the n intervals are those of a whole optimiser step (ranks x
accumulation x packed samples), permuted anew in every step: exact for every n, on one device too, and t = 999 is
reached.

    timesteps = explicit_uniform(seed=0, step=17, count=8)      # [8], int64
"""

import numpy as np
from numpy.typing import NDArray

from training.diffusion.schedule import TIMESTEPS

_DOMAIN = 0x7157  # separates these random numbers from other uses of the seed


def explicit_uniform(seed: int, step: int, count: int) -> NDArray[np.int64]:
    """Timesteps [count], int64 in 0 to 999, of a step: one in each of `count` equal intervals, in random order."""
    random = step_generator(seed, step)
    intervals = random.permutation(count)
    within = random.random(count)
    return np.minimum((intervals + within) * TIMESTEPS / max(1, count), TIMESTEPS - 1).astype(np.int64)


def step_generator(seed: int, step: int) -> np.random.Generator:
    """The random generator of one step; no two steps share random numbers."""
    # The counter's first word counts the numbers drawn, so the step goes into the second.
    return np.random.Generator(np.random.Philox(key=[seed, _DOMAIN], counter=[0, step, 0, 0]))
