"""Why a detector took something inside a shot for its end: as a person wrote down, or by what the pictures do there.

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
_APART = 3  # frames from the answer to the pictures that are compared
# Shares of the change: what is left of it when the scene came back, when light is set equal, when motion is undone.
_BACK, _EQUALLED, _UNDONE = 0.4, 0.5, 0.6
_PLAIN, _PART = 20, 0.5  # grey levels that a place changes by, and the share of places

Numbers = NDArray[np.float32]


def find_cause(
    answer: Boundary, thumbnails: NDArray[np.uint8], true: Sequence[Boundary], known: Sequence[NoBoundary]
) -> str:
    """The cause of a false answer in a film of thumbnails [frames, height, width, 3]."""
    for place in known:
        if answer.end_of_old - 1 <= place.last and place.first <= answer.start_of_new:
            return place.what
    if any(_is_beside(one, answer) for one in true):
        return TWICE
    last = len(thumbnails) - 1
    before = thumbnails[max(0, answer.end_of_old - _APART)]
    after = thumbnails[min(last, answer.start_of_new + _APART - 1)]
    between = thumbnails[max(0, answer.end_of_old - 1) : answer.start_of_new + 2]
    change = _distance(before, after)
    away = max((min(_distance(one, before), _distance(one, after)) for one in between), default=0.0)
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


def _distance(one: NDArray[np.uint8] | Numbers, other: NDArray[np.uint8]) -> float:
    return float(np.abs(np.asarray(one, np.float32) - other).mean())


def _lit_as(picture: NDArray[np.uint8], model: NDArray[np.uint8]) -> Numbers:
    """The picture with each channel's mean and contrast of the other."""
    mine, wanted = (one.reshape(-1, 3).astype(np.float32) for one in (picture, model))
    scale = wanted.std(axis=0) / np.maximum(mine.std(axis=0), 1)
    lit = (mine - mine.mean(axis=0)) * scale + wanted.mean(axis=0)
    return np.asarray(lit.reshape(picture.shape), np.float32)


def _moved_as(picture: NDArray[np.uint8], model: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture moved to where its parts are in the other (dense flow, DIS)."""
    gray = [cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (model, picture)]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(gray[0], gray[1], None)  # type: ignore[call-overload]
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    moved = cv2.remap(
        picture, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)
