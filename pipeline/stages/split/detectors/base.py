"""What a shot detector is, and what it finds."""

from dataclasses import dataclass, field
from typing import Protocol

from pipeline.media.analysis_frame import AnalysisFrame
from schemas.config import SplitConfig


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where one shot becomes the next, as frame indices: frames from `end_of_old` up to `start_of_new` mix both.

    For a hard cut the two are equal and name the first frame of the new shot. `probability`: how sure the detector is.
    """

    end_of_old: int
    start_of_new: int
    probability: float = field(default=1.0, compare=False)

    @property
    def is_cut(self) -> bool:
        """Whether no frame mixes the two shots."""
        return self.end_of_old == self.start_of_new


class Detector(Protocol):
    """Sees every frame once, in order. One detector serves many videos: `finish` makes it ready for the next."""

    def push(self, frame: AnalysisFrame) -> None:
        """See the next frame."""
        ...

    def finish(self) -> list[Boundary]:
        """The boundaries of the frames pushed since the last call, in order, not overlapping."""
        ...


class ConfiguredDetector(Detector, Protocol):
    """A detector that the configuration can name: see `DETECTORS`."""

    @classmethod
    def of(cls, config: SplitConfig, threads: int) -> Detector:
        """The detector with the configuration's thresholds and `threads` CPU threads."""
        ...
