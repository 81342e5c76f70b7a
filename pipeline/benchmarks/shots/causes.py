"""Why a detector reported a false boundary inside a shot: a person's note, or a classification of the change there.

just bench split --marked <folder>
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.shots.marked import NoBoundary
from pipeline.stages.split.detectors.base import Boundary

TWICE, PASSES, LIGHT, MOVES, PART, WHOLE = (
    "beside a marked boundary",
    "a flash, or something passes",
    "light or colour changes",
    "the camera or the subject moves",
    "a title, or part of the picture changes",
    "the whole picture changes",
)
_BESIDE = 12  # frames
_APART = 3  # frames between the reported boundary and the frames that are compared
# Maximum share of the change that remains if the scene came back, if light is equalised, if motion is compensated.
_BACK, _EQUALLED, _UNDONE = 0.4, 0.5, 0.6
_PLAIN, _PART = 20, 0.5  # grey levels by which a pixel changes, and the share of such pixels

Numbers = NDArray[np.float32]


def find_cause(
    answer: Boundary, thumbnails: NDArray[np.uint8], true: Sequence[Boundary], known: Sequence[NoBoundary]
) -> str:
    """The cause of a false boundary in a video of thumbnails [frames, H, W, 3], uint8."""
    for marked in known:
        if answer.end_of_old - 1 <= marked.last and marked.first <= answer.start_of_new:
            return marked.what
    if any(_is_beside(boundary, answer) for boundary in true):
        return TWICE
    last = len(thumbnails) - 1
    before = thumbnails[max(0, answer.end_of_old - _APART)]
    after = thumbnails[min(last, answer.start_of_new + _APART - 1)]
    between = thumbnails[max(0, answer.end_of_old - 1) : answer.start_of_new + 2]
    change = _distance(before, after)
    away = max((min(_distance(thumbnail, before), _distance(thumbnail, after)) for thumbnail in between), default=0.0)
    if change < _BACK * (change + away):
        return PASSES
    if _distance(_lit_as(before, after), after) < _EQUALLED * change:
        return LIGHT
    if _distance(_moved_as(before, after), after) < _UNDONE * change:
        return MOVES
    changed = np.abs(before.astype(np.float32) - after).mean(axis=2) > _PLAIN
    return PART if changed.mean() < _PART else WHOLE


def _is_beside(true: Boundary, answer: Boundary) -> bool:
    return true.end_of_old - _BESIDE <= answer.start_of_new and answer.end_of_old <= true.start_of_new + _BESIDE


def _distance(image: NDArray[np.uint8] | Numbers, other: NDArray[np.uint8]) -> float:
    return float(np.abs(np.asarray(image, np.float32) - other).mean())


def _lit_as(image: NDArray[np.uint8], model: NDArray[np.uint8]) -> Numbers:
    """The image with the mean and contrast of each of the model's channels."""
    mine, wanted = (pixels.reshape(-1, 3).astype(np.float32) for pixels in (image, model))
    scale = wanted.std(axis=0) / np.maximum(mine.std(axis=0), 1)
    lit = (mine - mine.mean(axis=0)) * scale + wanted.mean(axis=0)
    return np.asarray(lit.reshape(image.shape), np.float32)


def _moved_as(image: NDArray[np.uint8], model: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image warped to the model (dense optical flow, DIS)."""
    gray = [cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) for rgb in (model, image)]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(gray[0], gray[1], None)  # type: ignore[call-overload]
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    moved = cv2.remap(
        image, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)
