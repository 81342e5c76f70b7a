"""Letterbox and pillarbox bars, found as the box that they leave.

A bar is a run of lines from the picture's edge inwards that are black and plain - at most 6 levels above the bar's own
black in 65 % of their length - in every look at the clip, and that ends in a real edge: in some look the picture is
brighter right behind it along at least half the line. Where a clip is too dark to show that edge, the one that the
film's other looks show on that side is taken, if the clip is black out to there. So a night scene, a fade and a wholly
black clip keep their frame. A line of text that stands in a bar covers less than a third of its lines and goes with the
bar; what covers more is picture, and the bar stays.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Levels of full range. A bar is 0, or 16 where limited range is not tagged as such.
_BLACK = 20
_PLAIN = 6
_STEP = 16
_DARK_SHARE = 0.65
_EDGE_SHARE = 0.5
_EDGE_LINES = 4  # a scaled or compressed edge is this wide at the most
_SAME = 2.0  # pixels by which the depth of one bar differs from look to look
_LEAST = 0.01  # of the side: anything smaller is overscan noise, and a scaler smears it
_FILM_SHARE = 0.25  # of a film's looks that must show a bar's edge for it to hold where the picture is too dark
_SAMPLES = 256  # pixels of a line that are looked at


@dataclass(frozen=True, slots=True)
class Sides:
    """How far it is black from the left, top, right and bottom edge, in pixels, and whether an edge ends it."""

    depths: tuple[float, float, float, float]
    edges: tuple[bool, bool, bool, bool]

    def trim(self, picture: NDArray[np.uint8], scale: float = 1.0) -> NDArray[np.uint8]:
        """The part of a picture [height, width] inside the bars that end in an edge; `scale`: its size over theirs."""
        left, top, right, bottom = (
            int(np.ceil(depth * scale)) if edge else 0 for depth, edge in zip(self.depths, self.edges, strict=True)
        )
        return picture[top : picture.shape[0] - bottom, left : picture.shape[1] - right]


NO_BARS = Sides((0, 0, 0, 0), (False, False, False, False))


def may_have_bars(luma: NDArray[np.uint8]) -> bool:
    """Whether any outermost line of a small luma is dark, so that a look at the full picture is worth it."""
    lines = (luma[0], luma[-1], luma[:, 0], luma[:, -1])
    return any(np.mean(line <= _BLACK + _PLAIN) >= _DARK_SHARE for line in lines)


def find_bars(luma: NDArray[np.uint8]) -> Sides:
    """Look for bars in one full-size luma [height, width]."""
    height, width = luma.shape
    rows, columns = slice(0, height), slice(0, width)
    top = bottom = left = right = (0, False)
    for _ in range(2):  # once more inside what was found: bars on all four sides hide each other's edges
        inner = luma[:, columns]
        top, bottom = _depth(inner[: height // 2]), _depth(inner[: (height - 1) // 2 : -1])
        rows = _between(top, bottom, height)
        inner = luma[rows].T
        left, right = _depth(inner[: width // 2]), _depth(inner[: (width - 1) // 2 : -1])
        columns = _between(left, right, width)
        if columns == slice(0, width):
            break
    return Sides((left[0], top[0], right[0], bottom[0]), (left[1], top[1], right[1], bottom[1]))


def _between(before: tuple[int, bool], after: tuple[int, bool], length: int) -> slice:
    return slice(before[0] if before[1] else 0, length - after[0] if after[1] else length)


def _depth(lines: NDArray[np.uint8]) -> tuple[int, bool]:
    """Of lines [n, length] from the picture's edge inwards, how many are a bar, and whether it ends in an edge."""
    lines = lines[:, :: max(1, lines.shape[1] // _SAMPLES)]
    if not lines.size:
        return 0, False
    level = float(np.median(lines[0]))
    if level > _BLACK:
        return 0, False
    dark = np.mean(lines <= level + _PLAIN, axis=1) >= _DARK_SHARE
    if dark.all():
        return len(lines), False
    depth = int(np.argmin(dark))
    behind = lines[depth : depth + _EDGE_LINES].max(axis=0)
    return depth, depth > 0 and bool(np.mean(behind >= level + _STEP) >= _EDGE_SHARE)


def film_depths(looks: NDArray[np.float64]) -> tuple[float, ...]:
    """For each side the depth of bar that a film's looks [n, 8] show most often, 0 if too few show one."""
    found = []
    for side in range(4):
        shown = Counter(float(round(depth)) for depth in looks[looks[:, 4 + side] > 0, side])
        depth, count = max(shown.items(), key=lambda item: (item[1], item[0]), default=(0.0, 0))
        found.append(depth if count >= _FILM_SHARE * len(looks) else 0.0)
    return tuple(found)


def crop_box(looks: NDArray[np.float64], film: tuple[float, ...], width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of the picture inside the bars of a clip; the whole frame if it has none.

    `looks` [n, 8] are depths and edges of `Sides`, `film` the depths of `film_depths`, all in pixels of the displayed
    frame of `width` x `height`. Where a bar was found the box lies on even pixels, rounded inwards.
    """
    whole = (0, 0, width, height)
    halves = (width // 2, height // 2, width // 2, height // 2)
    if not len(looks) or all(np.min(looks[:, side]) >= halves[side] - _SAME for side in range(4)):
        return whole
    sides = [
        _clip_depth(looks[:, side], looks[:, 4 + side] > 0, film[side], (width, height)[side % 2]) for side in range(4)
    ]
    left, right = _even(sides[0], sides[2], width)
    top, bottom = _even(sides[1], sides[3], height)
    if right - left < width // 10 or bottom - top < height // 10:
        return whole
    return left, top, right - left, bottom - top


def _clip_depth(depths: NDArray[np.float64], edges: NDArray[np.bool_], film: float, length: int) -> float:
    least = float(np.min(depths))
    shown = bool(np.any(edges & (depths <= least + _SAME)))
    depth = least if shown else film if 0 < film <= least + _SAME else 0.0
    return depth if depth >= _LEAST * length else 0.0


def _even(before: float, after: float, length: int) -> tuple[int, int]:
    if not before and not after:
        return 0, length
    return 2 * int(np.ceil(before / 2)), 2 * int((length - after) // 2)
