"""What was laid over the picture, told from what stands in the scene: it stays where it is while the picture changes.

A line of text is an overlay if it is found at one place in more than half of all stills (not of those that hold text:
one stray box must not count) and the picture around it changes meanwhile. Where nothing changes around it, nothing
tells a caption from a shop sign, so it is counted with the scene: a sign before a fixed camera, a slide, a title card.
Only text on a black bar is laid over whatever happens around it, if the rest of the picture changes.

    python -m pytest tests/pipeline/stages/score/scorers/test_overlay.py
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Two boxes are one line at one place from this overlap on (intersection over union), ...
SAME_CELL = 0.7
# ... or if they share their height on the picture and their middle or left end: subtitles that change their words.
SAME_MIDDLE = 0.02
# Mean change around a box, in grey levels of 255 without the change of brightness; codec noise makes less than 2.
LEAST_CHANGE = 6.0
BLACK, FLAT = 24.0, 4.0
TEXT_SIDE = 320

Boxes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TextStill:
    """A still as this module reads it."""

    boxes: Boxes
    """[K, 4]: left, top, right, bottom of lines of text, as shares of width and height."""
    gray: NDArray[np.float32]
    """[H, W], 0 to 255, long side 320."""


def make_text_still(pixels: NDArray[np.uint8], boxes: Boxes) -> TextStill:
    """Reduce an RGB still [H, W, 3], with the boxes of its text, to what this module reads."""
    scale = TEXT_SIDE / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    gray = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return TextStill(boxes, gray.astype(np.float32))


def find_overlays(stills: Sequence[TextStill]) -> list[NDArray[np.bool_]]:
    """For each still, which of its boxes [K] are overlays."""
    overlays = [np.zeros(len(still.boxes), bool) for still in stills]
    if any(still.gray.shape != stills[0].gray.shape for still in stills):
        return overlays  # stills of one clip have one size
    texts = [_mask(still.gray.shape, still.boxes) for still in stills]
    for still_index, still in enumerate(stills):
        for number, box in enumerate(still.boxes):
            with_it = [index for index, other in enumerate(stills) if _same_place(box, other.boxes).any()]
            stays = len(with_it) >= 2 and 2 * len(with_it) > len(stills)
            overlays[still_index][number] = stays and _changes_around(box, [stills[index] for index in with_it], texts)
    return overlays


def _same_place(box: NDArray[np.float64], boxes: Boxes) -> NDArray[np.bool_]:
    """Which of the boxes [K, 4] are at the place of `box` [4]."""
    wide = np.maximum(0, np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0]))
    high = np.maximum(0, np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1]))
    size, sizes = box[2:] - box[:2], boxes[:, 2:] - boxes[:, :2]
    overlap = wide * high / np.maximum(size.prod() + sizes.prod(axis=1) - wide * high, 1e-9)
    same_height = high / np.maximum(size[1] + sizes[:, 1] - high, 1e-9) >= SAME_CELL
    middle = np.abs(box[[0, 2]].mean() - boxes[:, [0, 2]].mean(axis=1)) <= SAME_MIDDLE
    left = np.abs(box[0] - boxes[:, 0]) <= SAME_MIDDLE / 2
    return np.asarray((overlap >= SAME_CELL) | (same_height & (middle | left)), bool)


def _changes_around(box: NDArray[np.float64], stills: Sequence[TextStill], texts: Sequence[NDArray[np.bool_]]) -> bool:
    """Whether the picture around a box changes between the stills that hold it; text itself does not count."""
    shape = stills[0].gray.shape
    reach = (box[3] - box[1]) * np.array([shape[0] / shape[1], 1.0])
    near = _mask(shape, np.concatenate([box[:2] - reach, box[2:] + reach])[np.newaxis])
    text = np.any(texts, axis=0)
    around = near & ~text if (near & ~text).sum() >= near.sum() / 10 else ~text
    on_bar = all(still.gray[around].mean() < BLACK and still.gray[around].std() < FLAT for still in stills)
    return change(stills, ~text if on_bar else around) >= LEAST_CHANGE


def change(stills: Sequence[TextStill], inside: NDArray[np.bool_]) -> float:
    """Mean change of grey between neighbouring stills, without what brightness alone changed."""
    if not inside.any():
        return 0.0
    # Blurred, so that a slight shake of an edge is no change.
    values = np.array([cv2.blur(still.gray, (5, 5))[inside] for still in stills])
    return float(np.abs(np.diff(values - values.mean(axis=1, keepdims=True), axis=0)).mean())


def _mask(shape: tuple[int, ...], boxes: Boxes) -> NDArray[np.bool_]:
    height, width = shape[:2]
    mask = np.zeros((height, width), bool)
    for left, top, right, bottom in np.clip(boxes, 0, 1) * [width, height, width, height]:
        mask[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    return mask
