"""Classifier-free guidance: how much further than the caption asks, and when.

CogVideoX's DynamicCFG lets guidance grow with the steps: early moves, which choose the layout, follow the model freely.
Its code counts the steps down from a timestep (0 to 999) as if that were a step (0 to 49), in the release and in
diffusers alike, so the published 50 steps swing between both ends; here the step is the step, for any number of them:

    scale(i) = 1 + g * (1 - cos(pi * (i / N)^5)) / 2        i = 0 ... N - 1

    python -m pytest tests/training/sampling/test_guidance.py
"""

import math

from torch import Tensor

_EXPONENT = 5  # CogVideoX's released sampling configurations


def guidance_scale(step: int, steps: int, strength: float, dynamic: bool) -> float:
    """The scale of move `step` (0 to steps - 1): `strength`, or between 1 and 1 + `strength` where it grows."""
    if not dynamic:
        return strength
    return 1 + strength * (1 - math.cos(math.pi * (step / steps) ** _EXPONENT)) / 2


def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """`unconditional + scale * (conditional - unconditional)` (2207.12598, eq. 6): scale 1 is the caption alone."""
    return unconditional + scale * (conditional - unconditional)
