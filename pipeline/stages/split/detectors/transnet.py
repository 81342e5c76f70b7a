"""TransNetV2 (Souček and Lokoč, 2008.04838) as a detector, and the exact location of a boundary.

As in the paper's inference, the video is padded with 25 copies of its first and of its last frame. The network's first
output is high on the last frame before a new shot, its second ("many-hot") output on all frames of a transition.

    network = TransNet(threads=1)
    network.push(make_thumbnail(frame))      # for each frame
    probabilities = network.finish()
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.media.analysis_frame import AnalysisFrame
from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.detectors.transnet_stream import OFFSETS, Precision, StreamingTransNet
from schemas.config import SplitConfig

_WIDTH, _HEIGHT = 48, 27
_MARGIN = 25
PUSH = 50  # frames per push: more is not faster and takes more memory
# A frame whose many-hot probability exceeds this mixes two shots.
_MIXED = 0.5
# The change at a hard cut exceeds the changes around it by this factor.
_CUT_CONTRAST = 3.0
# Frames before the first and after the last marked frame of a gradual transition that show a trace of the other shot.
_TRACE = 1


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Per frame, [frames] each: `boundary` (the last frame before a new shot), `mixed`, and `change`.

    `change` is the mean absolute difference to the previous thumbnail, 0 to 255; 0 for the first frame. `likeness`
    [frames, values] is the similarity of each frame to its neighbours: see `StreamingTransNet.push`.
    """

    boundary: NDArray[np.float32]
    mixed: NDArray[np.float32]
    change: NDArray[np.float32]
    likeness: NDArray[np.float32]

    @property
    def answers(self) -> NDArray[np.float32]:
        """`boundary` and `mixed`, [frames, 2]."""
        return np.stack([self.boundary, self.mixed], axis=1)


class TransNet:
    """Runs the network on one video after another, fed thumbnails [27, 48, 3]."""

    def __init__(self, threads: int, precision: Precision = "auto") -> None:
        torch.set_num_threads(threads)
        self._network = StreamingTransNet(precision)
        self._reset()

    def _reset(self) -> None:
        self._network.reset()
        self._waiting: list[NDArray[np.uint8]] = []
        self._answers: list[NDArray[np.float32]] = []
        self._change: list[float] = []
        self._last: NDArray[np.uint8] | None = None

    def push(self, thumbnail: NDArray[np.uint8]) -> None:
        """Process the next thumbnail, RGB [27, 48, 3], uint8."""
        if self._last is None:
            self._waiting = [thumbnail] * _MARGIN
            self._change.append(0.0)
        else:
            self._change.append(float(cv2.norm(thumbnail, self._last, cv2.NORM_L1)) / thumbnail.size)
        self._last = thumbnail
        self._waiting.append(thumbnail)
        # Keep at least one frame back: the last push must not be empty.
        if len(self._waiting) > PUSH:
            self._answers.append(self._network.push(np.stack(self._waiting[:PUSH]), last=False))
            self._waiting = self._waiting[PUSH:]

    def finish(self) -> Probabilities:
        """The probabilities of all frames pushed since the last call."""
        count = len(self._change)
        if self._last is not None:
            rest = np.stack(self._waiting + [self._last] * _MARGIN)
            self._answers.append(self._network.push(rest, last=True))
        empty = np.zeros((0, 2 + 2 * len(OFFSETS)), np.float32)
        answers = np.concatenate(self._answers or [empty])[_MARGIN : _MARGIN + count]
        change = np.array(self._change, np.float32)
        self._reset()
        return Probabilities(answers[:, 0], answers[:, 1], change, answers[:, 2:])


def make_thumbnail(frame: AnalysisFrame) -> NDArray[np.uint8]:
    """The network's input: RGB [27, 48, 3], uint8; the aspect ratio is not kept."""
    return np.asarray(cv2.resize(frame.color, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def locate(probabilities: Probabilities, first: int, last: int) -> Boundary:
    """The exact location of the boundary that the first output marks at frames `first` to `last`.

    If the largest change near them stands out, it is a hard cut there. Otherwise the shots are mixed from the first to
    the last frame that the many-hot output marks around them.
    """
    low, high = max(1, first - 1), min(len(probabilities.change), last + 3)
    window = probabilities.change[low:high]
    if len(window):
        peak = low + int(np.argmax(window))
        around = np.concatenate(
            [probabilities.change[max(1, peak - 4) : peak], probabilities.change[peak + 1 : peak + 5]]
        )
        if (
            last - first <= 2
            and probabilities.change[peak] > _CUT_CONTRAST * (float(np.median(around)) if len(around) else 0) + 1
        ):
            return Boundary(peak, peak)
    start, end = first, last
    while start > 0 and probabilities.mixed[start - 1] > _MIXED:
        start -= 1
    while end + 1 < len(probabilities.mixed) and probabilities.mixed[end + 1] > _MIXED:
        end += 1
    if start == end:
        return Boundary(end + 1, end + 1)
    return Boundary(max(0, start - _TRACE), min(len(probabilities.mixed), end + 1 + _TRACE))


def runs(marked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each run of true values in `marked` [frames]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    return [(int(start), int(end) - 1) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def join_overlapping(boundaries: list[Boundary]) -> list[Boundary]:
    """The boundaries in order; those that overlap or touch are merged."""
    joined: list[Boundary] = []
    for boundary in sorted(boundaries, key=lambda boundary: boundary.end_of_old):
        if joined and boundary.end_of_old <= joined[-1].start_of_new:
            last = joined.pop()
            end = max(last.start_of_new, boundary.start_of_new)
            boundary = Boundary(last.end_of_old, end, max(last.probability, boundary.probability))
        joined.append(boundary)
    return joined


class TransNetDetector:
    """TransNetV2 alone: a boundary at each run of frames whose first output exceeds a threshold."""

    def __init__(self, cut_probability: float, threads: int, precision: Precision = "auto") -> None:
        self._network = TransNet(threads, precision)
        self._threshold = cut_probability

    @classmethod
    def of(cls, config: SplitConfig, threads: int) -> "TransNetDetector":
        """The detector with the `cut_probability` of the configured preset."""
        return cls(config.thresholds()[0], threads, config.network_precision)

    def push(self, frame: AnalysisFrame) -> None:
        """Process the next frame."""
        self._network.push(make_thumbnail(frame))

    def finish(self) -> list[Boundary]:
        """The boundaries of the frames pushed since the last call."""
        probabilities = self._network.finish()
        return join_overlapping([locate(probabilities, *run) for run in runs(probabilities.boundary > self._threshold)])
