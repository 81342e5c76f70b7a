"""What a measure of single frames is: it sees sampled frames twice a second and fills columns of the clips table.

A new one is a file here and one line in `registry.py`; docs/extending.md shows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.contract import Column


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """The content of a frame inside its bars, as full-range luma, 0 to 255."""

    luma: NDArray[np.uint8]
    """uint8 [H, W] in the source's own size."""
    scaled: NDArray[np.uint8]
    """uint8 [h, w], the same with a short side of 360."""


class FrameMeasure(Protocol):
    """Numbers of single frames, and what they say of a clip."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns that it fills, with unit and range; no null among them."""
        ...

    @property
    def width(self) -> int:
        """How many numbers it keeps per frame."""
        ...

    def measure(self, frame: SampledFrame) -> Sequence[float]:
        """`width` numbers for a frame."""
        ...

    def summarise(self, values: NDArray[np.float64]) -> Sequence[float]:
        """The columns' values for a clip, from its frames' numbers [n, width], n >= 1."""
        ...
