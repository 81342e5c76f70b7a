"""Detects letterbox and pillarbox bars, and the box inside them.

A bar is a run of lines from the frame's edge inwards that are black and uniform - at most 6 levels above the bar's own
black in 65 % of their length - in every sampled frame of the clip, and that ends in a real edge: in some sampled frame
the image right behind it is brighter along at least half the line. Where a clip is too dark to show that edge, the edge
found in the video's other sampled frames on that side is used, if the clip is black out to there. So a night scene, a
fade and a completely black clip keep their frame. A line of text inside a bar covers less than a third of its lines and
is cropped with the bar; anything that covers more counts as picture, and the bar stays.

    sides = find_bars(luma)
    inside = sides.trim(luma)
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Levels of full range. A bar is 0, or 16 if limited range is not tagged.
_BLACK = 20
_PLAIN = 6
_STEP = 16
_DARK_SHARE = 0.65
_EDGE_SHARE = 0.5
_EDGE_LINES = 4  # maximum width of a scaled or compressed edge
_SAME = 2.0  # pixels by which the depth of one bar may differ between frames
_LEAST = 0.01  # of the side: anything smaller is overscan noise, blurred by scaling
_VIDEO_SHARE = 0.25  # of a video's sampled frames that must show a bar's edge for it to apply where clips are too dark
_SAMPLES = 256  # pixels of a line that are examined


@dataclass(frozen=True, slots=True)
class Sides:
    """Depth of black from the left, top, right and bottom edge in pixels, and whether it ends in a real edge."""

    depths: tuple[float, float, float, float]
    edges: tuple[bool, bool, bool, bool]

    def trim(self, image: NDArray[np.uint8], scale: float = 1.0) -> NDArray[np.uint8]:
        """The part of an image [H, W] inside the bars that end in an edge; `scale`: image size over measured size."""
        left, top, right, bottom = (
            int(np.ceil(depth * scale)) if edge else 0 for depth, edge in zip(self.depths, self.edges, strict=True)
        )
        return image[top : image.shape[0] - bottom, left : image.shape[1] - right]


NO_BARS = Sides((0, 0, 0, 0), (False, False, False, False))


def may_have_bars(luma: NDArray[np.uint8]) -> bool:
    """Whether any outermost line of a small luma [H, W] is dark, so that the full-size luma should be searched."""
    lines = (luma[0], luma[-1], luma[:, 0], luma[:, -1])
    return any(np.mean(line <= _BLACK + _PLAIN) >= _DARK_SHARE for line in lines)


def find_bars(luma: NDArray[np.uint8]) -> Sides:
    """The bars of one full-size luma, uint8 [H, W]."""
    height, width = luma.shape
    rows, columns = slice(0, height), slice(0, width)
    top = bottom = left = right = (0, False)
    for _ in range(2):  # a second pass inside the first result: bars on all four sides hide each other's edges
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
    """How many of the lines [n, length], from the frame's edge inwards, are a bar, and whether it ends in an edge."""
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


def video_depths(samples: NDArray[np.float64]) -> tuple[float, ...]:
    """For each side the most frequent bar depth in a video's sampled frames [n, 8]; 0 if too few show a bar."""
    depths = []
    for side in range(4):
        counts = Counter(float(round(depth)) for depth in samples[samples[:, 4 + side] > 0, side])
        depth, count = max(counts.items(), key=lambda item: (item[1], item[0]), default=(0.0, 0))
        depths.append(depth if count >= _VIDEO_SHARE * len(samples) else 0.0)
    return tuple(depths)


def crop_box(
    samples: NDArray[np.float64], video: tuple[float, ...], width: int, height: int
) -> tuple[int, int, int, int]:
    """(left, top, width, height) of the area inside the bars of a clip; the whole frame if it has none.

    `samples` [n, 8] are depths and edges of `Sides` (4 each), `video` the result of `video_depths`, all in pixels of
    the displayed frame of `width` x `height`. Where there is a bar the box lies on even pixels, rounded inwards.
    """
    full_frame = (0, 0, width, height)
    halves = (width // 2, height // 2, width // 2, height // 2)
    if not len(samples) or all(np.min(samples[:, side]) >= halves[side] - _SAME for side in range(4)):
        return full_frame
    sides = [
        _clip_depth(samples[:, side], samples[:, 4 + side] > 0, video[side], (width, height)[side % 2])
        for side in range(4)
    ]
    left, right = _even(sides[0], sides[2], width)
    top, bottom = _even(sides[1], sides[3], height)
    if right - left < width // 10 or bottom - top < height // 10:
        return full_frame
    return left, top, right - left, bottom - top


def _clip_depth(depths: NDArray[np.float64], edges: NDArray[np.bool_], video: float, length: int) -> float:
    least = float(np.min(depths))
    visible = bool(np.any(edges & (depths <= least + _SAME)))
    depth = least if visible else video if 0 < video <= least + _SAME else 0.0
    return depth if depth >= _LEAST * length else 0.0


def _even(before: float, after: float, length: int) -> tuple[int, int]:
    if not before and not after:
        return 0, length
    return 2 * int(np.ceil(before / 2)), 2 * int((length - after) // 2)
