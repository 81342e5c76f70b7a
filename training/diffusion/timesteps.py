"""Explicit uniform sampling: a step's timesteps are spread evenly over all noise levels, whoever computes them.

CogVideoX (2408.06072, section 3.3) gives each data-parallel rank its own interval of timesteps, so the loss of a step
varies less. Its code ties a rank to its interval for ever, drops the last timesteps where 1000 does not divide, and
does nothing on few ranks. Here the n intervals are those of a whole optimiser step (ranks x accumulation x packed
samples), dealt anew by a permutation in every step: exact for every n, on one device too, and t = 999 is reached.

    python -m pytest tests/training/diffusion/test_timesteps.py
"""

import numpy as np
from numpy.typing import NDArray

from training.diffusion.schedule import TIMESTEPS

_DOMAIN = 0x7157  # keeps these numbers apart from those of other uses of the seed


def explicit_uniform(seed: int, step: int, count: int) -> NDArray[np.int64]:
    """Timesteps (0 to 999) of a step's `count` samples: one in each of `count` equal intervals, dealt at random."""
    random = step_generator(seed, step)
    places = random.permutation(count)
    within = random.random(count)
    return np.minimum((places + within) * TIMESTEPS / max(1, count), TIMESTEPS - 1).astype(np.int64)


def step_generator(seed: int, step: int) -> np.random.Generator:
    """The random numbers of one step, which are those of no other."""
    # The counter's first word counts what is drawn, so the step stands in the one above it.
    return np.random.Generator(np.random.Philox(key=[seed, _DOMAIN], counter=[0, step, 0, 0]))
