"""The default detector: TransNetV2 decides, PySceneDetect's AdaptiveDetector seconds.

The rule: a boundary stands where TransNetV2's probability exceeds `cut_probability`; or where AdaptiveDetector sees a
cut and TransNetV2 gives at least `supported_probability` within two frames of it. A flash fools the one and a hard cut
between similar scenes the other, rarely the same frame both. Where exactly, and which frames are mixed, is told by
`transnet.locate`.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.detectors.adaptive import AdaptiveCuts
from pipeline.detectors.base import Boundary
from pipeline.detectors.transnet import TransNet, join_overlapping, locate, runs

_REACH = 2


class FusedDetector:
    """TransNetV2 and AdaptiveDetector over the same frames."""

    def __init__(self, cut_probability: float, supported_probability: float, threads: int) -> None:
        self._network = TransNet(threads)
        self._cuts = AdaptiveCuts()
        self._alone = cut_probability
        self._supported = supported_probability

    def push(self, picture: NDArray[np.uint8], thumbnail: NDArray[np.uint8]) -> None:
        """See the next frame."""
        self._network.push(thumbnail)
        self._cuts.push(picture, thumbnail)

    def finish(self) -> list[Boundary]:
        """The boundaries of the frames pushed since the last call."""
        found = self._network.finish()
        cuts = self._cuts.finish()
        boundaries = [locate(found, *run) for run in runs(found.boundary > self._alone)]
        for cut in cuts:
            # TransNetV2 marks the frame before the new shot.
            near = found.boundary[max(0, cut.start_of_new - 1 - _REACH) : cut.start_of_new + _REACH]
            known = any(one.end_of_old - _REACH <= cut.start_of_new <= one.start_of_new + _REACH for one in boundaries)
            if not known and len(near) and near.max() >= self._supported:
                boundaries.append(cut)
        return join_overlapping(boundaries)
