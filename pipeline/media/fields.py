"""Compares two consecutive frames field by field: are they interlaced, and which field comes first?

A combed frame holds fields of two moments. Fine stripes look combed too, so combing alone proves nothing; only
interlaced video has a field order. In interlaced video the early field of the second frame is as close to the late
field of the first as that is to the first frame's early field, and the other pair of fields is three times as far
apart. Progressive video has no field order, whatever its pattern: both pairs are equally far apart.

Lines are compared where something moves, block by block, on a subset of the columns; no flag is read.

    compare_fields(luma_lines(first), luma_lines(second))
"""

from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from pipeline.media.rgb import plane_of

Lines = NDArray[np.uint8]

_COLUMNS = 360
_BLOCK_COLUMNS, _BLOCK_LINES = 16, 8  # of a field
# Levels of 0 to 255; noise and compression change less.
_MOVING = 4.0
_FEWEST_BLOCKS = 4
# How far apart the two pairs of fields must be: their ratio and, where fields vary from line to line (so that the lines
# between cannot be interpolated), their difference as a share of that variation.
_ORDER_RATIO, _ORDER_LEVELS, _ORDER_DETAIL = 1.4, 1.0, 0.5
# A frame's own fields are one third of the far pair apart (one half with telecine); in a progressive video with a fine
# pattern they differ from each other more than from the next frame's.
_OWN_OF_FAR, _OWN_OF_NEAR = 0.2, 0.6
# Share of the moving blocks that must agree on an order: chance stays below it on the codec test suites and on
# filmed shots.
_AGREEING = 0.15
# A repeated field changes by compression noise only.
_REPEATED = 0.5
_WITH_LUMA_PLANE = ("yuv4", "yuvj4", "yuva4", "nv12", "nv16", "nv21", "gray")


@dataclass(frozen=True, slots=True)
class FieldVote:
    """The result of comparing a pair of frames.

    `moving` is the number of blocks with motion; `combed` is `top` or `bottom` (the field that comes first) if the
    first frame is combed, else None; `repeated` is the field that the second frame repeats from the first while the
    other field moves, or None.
    """

    moving: int
    combed: str | None
    repeated: str | None

    @property
    def has_motion(self) -> bool:
        """Whether there is enough motion to judge."""
        return self.moving >= _FEWEST_BLOCKS


def luma_lines(frame: av.VideoFrame) -> Lines:
    """All lines of a frame's luma, but only about 360 of its columns: uint8 [H, about 360], H even."""
    name = frame.format.name
    if not name.startswith(_WITH_LUMA_PLANE) or frame.format.components[0].bits != 8:
        frame = VideoReformatter().reformat(frame, format="gray")
    luma = plane_of(frame, 0)
    return np.ascontiguousarray(luma[: luma.shape[0] // 2 * 2, :: max(1, luma.shape[1] // _COLUMNS)])


def compare_fields(first: Lines, second: Lines) -> FieldVote:
    """Compare two consecutive frames, luma uint8 [H, W] each; no vote if their sizes differ or are too small."""
    if first.shape != second.shape or first.shape[0] < 4 * _BLOCK_LINES or first.shape[1] < _BLOCK_COLUMNS:
        return FieldVote(0, None, None)
    fields = top, bottom, next_top, next_bottom = first[0::2], first[1::2], second[0::2], second[1::2]
    between = _between(top)
    own = _blocks(cv2.absdiff(bottom[:-1], between))
    if_top_first = _blocks(cv2.absdiff(bottom[:-1], _between(next_top)))
    if_bottom_first = _blocks(cv2.absdiff(next_bottom[:-1], between))
    changes = _blocks(cv2.absdiff(top, next_top)[:-1]), _blocks(cv2.absdiff(bottom, next_bottom)[:-1])
    detail = np.maximum.reduce([_blocks(cv2.absdiff(field[:-1], field[1:])) for field in fields])
    moving = np.maximum(*changes) > _MOVING
    near, far = np.minimum(if_top_first, if_bottom_first), np.maximum(if_top_first, if_bottom_first)
    ordered = (far > _ORDER_RATIO * near + _ORDER_LEVELS) & (far - near > _ORDER_DETAIL * detail)
    combed = moving & ordered & (own > _OWN_OF_FAR * far) & (own > _OWN_OF_NEAR * near)
    lead = int((combed & (if_top_first < if_bottom_first)).sum()) - int(
        (combed & (if_top_first > if_bottom_first)).sum()
    )
    count = int(moving.sum())
    order = "top" if lead > 0 else "bottom"
    is_combed = count >= _FEWEST_BLOCKS and abs(lead) >= _AGREEING * count
    return FieldVote(count, order if is_combed else None, _repeated(changes, moving))


def _repeated(changes: tuple[NDArray[np.float64], NDArray[np.float64]], moving: NDArray[np.bool_]) -> str | None:
    top, bottom = (float(change[moving].sum()) for change in changes)
    if top < _REPEATED * bottom:
        return "top"
    return "bottom" if bottom < _REPEATED * top else None


def _between(lines: Lines) -> Lines:
    return np.asarray(cv2.addWeighted(lines[:-1], 0.5, lines[1:], 0.5, 0), np.uint8)


def _blocks(difference: Any) -> NDArray[np.float64]:
    height, width = difference.shape
    size = max(1, width // _BLOCK_COLUMNS), max(1, height // _BLOCK_LINES)
    return np.asarray(cv2.resize(difference, size, interpolation=cv2.INTER_AREA), np.float64)
