"""The protocol of shot detectors, and the boundaries they return.

boundary = Boundary(end_of_old=100, start_of_new=112, probability=0.9)  # frames 100 to 111 mix both shots
"""

from dataclasses import dataclass, field
from typing import Protocol

from pipeline.media.analysis_frame import AnalysisFrame
from schemas.config import SplitConfig


@dataclass(frozen=True, slots=True)
class Boundary:
    """A boundary between two shots, as frame indices: the frames [end_of_old, start_of_new) mix both.

    For a hard cut both are the index of the first frame of the new shot. `probability` (0 to 1) is the detector's.
    """

    end_of_old: int
    start_of_new: int
    probability: float = field(default=1.0, compare=False)

    @property
    def is_cut(self) -> bool:
        """Whether no frame mixes the two shots."""
        return self.end_of_old == self.start_of_new


class Detector(Protocol):
    """Processes every frame once, in order. One detector serves many videos: `finish` resets it for the next."""

    def push(self, frame: AnalysisFrame) -> None:
        """Process the next frame."""
        ...

    def finish(self) -> list[Boundary]:
        """The boundaries of the frames pushed since the last call, in order, not overlapping."""
        ...


class ConfiguredDetector(Detector, Protocol):
    """A detector that the configuration can select: see `DETECTORS`."""

    @classmethod
    def of(cls, config: SplitConfig, threads: int) -> Detector:
        """The detector with the configuration's thresholds and `threads` CPU threads."""
        ...
