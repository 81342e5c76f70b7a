"""PySceneDetect's AdaptiveDetector, fed frame by frame from the decode pass (library defaults, no minimum length).

It compares each frame's change in HSV with that of its neighbours: exact on hard cuts, blind to dissolves, and fooled
by flashes and fast motion, which is why the fused detector lets it second, not decide.
"""

from fractions import Fraction

import cv2
import numpy as np
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from pipeline.media.analysis_frame import AnalysisFrame
from pipeline.stages.split.detectors.base import Boundary
from schemas.config import SplitConfig

# The detector works on frame numbers here; times come from the container afterwards.
_RATE = Fraction(25)


class AdaptiveCuts:
    """AdaptiveDetector as one of our detectors: hard cuts only."""

    def __init__(self) -> None:
        self._reset()

    @classmethod
    def of(cls, config: SplitConfig, threads: int) -> "AdaptiveCuts":
        """Nothing of it is configured."""
        return cls()

    def _reset(self) -> None:
        self._detector = AdaptiveDetector(min_scene_len=1)
        self._frames = 0
        self._cuts: list[int] = []

    def push(self, frame: AnalysisFrame) -> None:
        """See the next frame."""
        time = FrameTimecode(self._frames, _RATE)
        picture = np.asarray(cv2.cvtColor(frame.color, cv2.COLOR_RGB2BGR), np.uint8)
        self._cuts += [cut.frame_num for cut in self._detector.process_frame(time, picture)]
        self._frames += 1

    def finish(self) -> list[Boundary]:
        """The cuts in the frames pushed since the last call."""
        cuts = [Boundary(cut, cut) for cut in self._cuts if 0 < cut < self._frames]
        self._reset()
        return cuts
