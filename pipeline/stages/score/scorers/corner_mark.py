"""Marks that stay in a corner: a channel's name, a watermark, a logo without letters.

Text is known by its boxes. What is drawn is found by edges that keep place and direction in all stills, inside one
corner, while the picture around them changes and next to no edges elsewhere stay. The thresholds were set on drawn
marks and on 29 real videos that have none; a mark on a plain ground that never changes is not found.

    python -m pytest tests/pipeline/stages/score/scorers/test_overlay.py
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.stages.score.scorers.overlay import LEAST_CHANGE, Boxes, TextStill, change

# The middle of a corner's text lies in the outer fifth of the width and the outer 15 % of the height, ...
CORNER_WIDTH, CORNER_HEIGHT = 0.2, 0.15
# ... and all of a drawn mark within this many times that.
DRAWN_REACH = 1.6
# Grey levels per pixel, long side 320; what texture and noise leave of one direction in several stills is below.
STRONG_EDGE = 8.0
# Share of the strong edges outside the corners that may stay: more, and the camera stands still.
MOST_STILL_EDGES = 0.1
# A mark's own pixels change less than what is near it, and of the strong edges there this share is its own. Drawn
# marks have 0.35 to 0.57 and 1; texture that stays by chance in videos without marks has over 0.66 or under 0.2.
MOST_OWN_CHANGE, LEAST_OWN_EDGES = 0.6, 0.35
LEAST_PIXELS, LEAST_SIDE, LEAST_STILLS = 14, 5, 3
_GROWTH = 5  # pixels, so that the two sides of a stroke are one thing

Mask = NDArray[np.bool_]


def corner_share(stills: Sequence[TextStill], overlays: Sequence[Mask]) -> float:
    """Share of all stills with a mark that stays in a corner, 0 to 1: an overlay's text, or a drawn mark."""
    marked = [bool((_in_corner(still.boxes) & overlay).any()) for still, overlay in zip(stills, overlays, strict=True)]
    return 1.0 if _has_drawn_mark(stills) else sum(marked) / len(stills)


def _in_corner(boxes: Boxes) -> Mask:
    """Which boxes [K, 4] have their middle in a corner."""
    across, down = boxes[:, [0, 2]].mean(axis=1), boxes[:, [1, 3]].mean(axis=1)
    beside = np.minimum(across, 1 - across) <= CORNER_WIDTH
    return np.asarray(beside & (np.minimum(down, 1 - down) <= CORNER_HEIGHT), bool)


def _has_drawn_mark(stills: Sequence[TextStill]) -> bool:
    if len(stills) < LEAST_STILLS or any(still.gray.shape != stills[0].gray.shape for still in stills):
        return False
    stays, strong = _edges(stills)
    corners = _corners(stays.shape)
    elsewhere = strong & ~corners
    if not elsewhere.any() or (stays & elsewhere).sum() > MOST_STILL_EDGES * elsewhere.sum():
        return False
    return any(_is_mark(own, ring, strong, stills) for own, ring in _things(stays, corners))


def _edges(stills: Sequence[TextStill]) -> tuple[Mask, Mask]:
    """Where an edge stays in all stills, and where there is a strong edge on average."""
    axes = ((1, 0), (0, 1))
    slopes = np.array([[cv2.Sobel(still.gray, cv2.CV_32F, *axis, scale=1 / 8) for axis in axes] for still in stills])
    mean = slopes.mean(axis=0)
    direction = mean / np.maximum(np.linalg.norm(mean, axis=0), 1e-6)
    # What the still with the least of it has in the common direction: texture that moves has soon turned it round.
    stays = (slopes * direction).sum(axis=1).min(axis=0) >= STRONG_EDGE
    return np.asarray(stays, bool), np.asarray(np.linalg.norm(slopes, axis=1).mean(axis=0) >= STRONG_EDGE, bool)


def _corners(shape: tuple[int, ...]) -> Mask:
    corners = np.zeros(shape, bool)
    down, across = round(DRAWN_REACH * CORNER_HEIGHT * shape[0]), round(DRAWN_REACH * CORNER_WIDTH * shape[1])
    for rows in (slice(0, down), slice(shape[0] - down, shape[0])):
        for columns in (slice(0, across), slice(shape[1] - across, shape[1])):
            corners[rows, columns] = True
    return corners


def _things(stays: Mask, corners: Mask) -> Iterator[tuple[Mask, Mask]]:
    """The edge pixels of each thing that lies in a corner, and what is near it."""
    joined = cv2.dilate(stays.astype(np.uint8), np.ones((_GROWTH, _GROWTH), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(joined)
    for number in range(1, count):
        left, top, wide, high = (int(value) for value in boxes[number][:4])
        inside = corners[top : top + high, left : left + wide].all()  # a line that goes on, as a bar's edge, is no mark
        own = stays & (labels == number)
        if inside and min(wide, high) >= LEAST_SIDE + _GROWTH - 1 and own.sum() >= LEAST_PIXELS:
            reach = max(wide, high) // 2
            near = np.zeros_like(stays)
            near[max(0, top - reach) : top + high + reach, max(0, left - reach) : left + wide + reach] = True
            yield own, near & (joined == 0)


def _is_mark(own: Mask, ring: Mask, strong: Mask, stills: Sequence[TextStill]) -> bool:
    around = change(stills, ring)
    inner = float(np.abs(np.diff([still.gray[own] for still in stills], axis=0)).mean())
    alone = own.sum() >= LEAST_OWN_EDGES * (strong & (ring | own)).sum()
    return bool(alone) and around >= LEAST_CHANGE and inner <= MOST_OWN_CHANGE * around
