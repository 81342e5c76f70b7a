"""PySceneDetect's AdaptiveDetector, fed frame by frame from the decode pass (library defaults, no minimum length).

It compares each frame's change in HSV with that of its neighbours. It is exact on hard cuts, but misses dissolves and
takes flashes and fast motion for cuts.
"""

from fractions import Fraction

import cv2
import numpy as np
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from pipeline.media.analysis_frame import AnalysisFrame
from pipeline.stages.split.detectors.base import Boundary
from schemas.config import SplitConfig

# Any rate will do: only frame numbers are used here, and times come from the container afterwards.
_RATE = Fraction(25)


class AdaptiveCuts:
    """AdaptiveDetector as one of our detectors: hard cuts only."""

    def __init__(self) -> None:
        self._reset()

    @classmethod
    def of(cls, config: SplitConfig, threads: int) -> "AdaptiveCuts":
        """The configuration is ignored: this detector has no settings."""
        return cls()

    def _reset(self) -> None:
        self._detector = AdaptiveDetector(min_scene_len=1)
        self._frames = 0
        self._cuts: list[int] = []

    def push(self, frame: AnalysisFrame) -> None:
        """Process the next frame."""
        time = FrameTimecode(self._frames, _RATE)
        bgr = np.asarray(cv2.cvtColor(frame.color, cv2.COLOR_RGB2BGR), np.uint8)
        self._cuts += [cut.frame_num for cut in self._detector.process_frame(time, bgr)]
        self._frames += 1

    def finish(self) -> list[Boundary]:
        """The cuts in the frames pushed since the last call."""
        cuts = [Boundary(cut, cut) for cut in self._cuts if 0 < cut < self._frames]
        self._reset()
        return cuts
