"""Classifier-free guidance, constant or growing with the steps.

CogVideoX's DynamicCFG increases guidance with the steps: early steps, which determine the layout, are guided little.
Its code, in the release and in diffusers alike, uses the timestep (0 to 999) where the step (0 to 49) belongs, so the
published 50 steps jump between both ends of the range; here the step is used, for any number of steps:

    scale(i) = 1 + g * (1 - cos(pi * (i / N)^5)) / 2        i = 0 ... N - 1

    predicted = guide(conditional, unconditional, guidance_scale(10, 50, strength=6, dynamic=True))
"""

import math

from torch import Tensor

_EXPONENT = 5  # CogVideoX's released sampling configurations


def guidance_scale(step: int, steps: int, strength: float, dynamic: bool) -> float:
    """The scale of step `step` (0 to steps - 1): `strength`, or if dynamic between 1 and 1 + `strength`."""
    if not dynamic:
        return strength
    return 1 + strength * (1 - math.cos(math.pi * (step / steps) ** _EXPONENT)) / 2


def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """`unconditional + scale * (conditional - unconditional)` (2207.12598, eq. 6), for tensors of one shape.

    Scale 1 is the conditional prediction alone.
    """
    return unconditional + scale * (conditional - unconditional)
