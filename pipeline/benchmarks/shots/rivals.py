"""The detectors that ours is compared with, all fed the frames of the same decode.

PySceneDetect's three run as in its own `SceneManager`: on images 256 pixels wide, with the library's defaults (so with
its minimum of 15 frames between cuts). TransNetV2 alone uses its published rule: a boundary after each run of frames
above a threshold, 0.5 in the paper and 0.4 in cosmos-curate; its probabilities are those of our streaming inference.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector, ContentDetector, HashDetector

from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.detectors.transnet import runs

WIDTH = 256  # the width to which SceneManager scales frames
_RATE = Fraction(25)  # the detectors count frames here; times come from the container

CLASSIC = {
    "ContentDetector 27": lambda: ContentDetector(threshold=27.0),
    "AdaptiveDetector": AdaptiveDetector,
    "HashDetector": HashDetector,
}
TRANSNET = {"TransNetV2 at 0.4": 0.4, "TransNetV2 at 0.5": 0.5}
NAMES = (*CLASSIC, *TRANSNET)


class ClassicRivals:
    """Runs PySceneDetect's detectors on the frames of a video."""

    def __init__(self) -> None:
        self._detectors = {name: make() for name, make in CLASSIC.items()}
        self._cuts: dict[str, list[int]] = {name: [] for name in CLASSIC}
        self._frames = 0

    def push(self, image: NDArray[np.uint8]) -> None:
        """Process the next frame, RGB [H, 256, 3], uint8."""
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        time = FrameTimecode(self._frames, _RATE)
        for name, detector in self._detectors.items():
            self._cuts[name] += [cut.frame_num for cut in detector.process_frame(time, bgr)]
        self._frames += 1

    def finish(self) -> Mapping[str, list[Boundary]]:
        """The boundaries of each detector, by name."""
        end = FrameTimecode(max(0, self._frames - 1), _RATE)
        for name, detector in self._detectors.items():
            self._cuts[name] += [cut.frame_num for cut in detector.post_process(end)]
        return {name: as_cuts(cuts, self._frames) for name, cuts in self._cuts.items()}


def transnet_rivals(answers: NDArray[np.float32]) -> Mapping[str, list[Boundary]]:
    """TransNetV2 alone at both thresholds, from its answers [frames, 2]."""
    boundaries = {}
    for name, threshold in TRANSNET.items():
        high = runs(answers[:, 0] > threshold)
        # Its scenes end with the first frame above the threshold and begin after the last one.
        boundaries[name] = [Boundary(first + 1, last + 1) for first, last in high if last + 1 < len(answers)]
    return boundaries


def as_cuts(frames: Sequence[int], count: int) -> list[Boundary]:
    """First frames of new shots as boundaries of a video of `count` frames."""
    return [Boundary(frame, frame) for frame in sorted(set(frames)) if 0 < frame < count]
