"""What a shot detector is, and what it finds."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# TransNetV2's input; every detector gets it beside the picture for looking, so that frames are scaled down once.
THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 48, 27


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where one shot becomes the next, as frame indices: frames from `end_of_old` up to `start_of_new` mix both.

    For a hard cut the two are equal and name the first frame of the new shot.
    """

    end_of_old: int
    start_of_new: int

    @property
    def is_cut(self) -> bool:
        """Whether no frame mixes the two shots."""
        return self.end_of_old == self.start_of_new


class Detector(Protocol):
    """Sees every frame once, in order. One detector serves many videos: `finish` makes it ready for the next."""

    def push(self, picture: NDArray[np.uint8], thumbnail: NDArray[np.uint8]) -> None:
        """See the next frame: RGB for looking [height, width, 3] and RGB thumbnail [27, 48, 3]."""
        ...

    def finish(self) -> list[Boundary]:
        """The boundaries of the frames pushed since the last call, in order, not overlapping."""
        ...
