"""What every measure looks at: a frame as a small luma picture, with its full-size luma at hand."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LookFrame:
    """A frame of the decode pass, on screen from `time` to `end` (seconds).

    `luma` is uint8 [height, width], upright, full range, its short side about 108 with the aspect kept; `native`
    gives the same at full size and is asked for about twice per second of film.
    """

    index: int
    time: float
    end: float
    luma: NDArray[np.uint8]
    native: Callable[[], NDArray[np.uint8]]
