"""Two consecutive frames, field by field: whether their lines come from different moments, and which came first.

A combed frame weaves two moments together. Fine stripes look combed as well, so combing alone proves nothing; what
only interlaced film has is an order. Of two frames the early field of the second is as near to the late field of the
first as that is to its own other half, and the other pair of fields is three times as far apart. A progressive film
has no order, whatever its pattern: its two pairs are equally far apart.

The lines are compared where something moves, block by block, in every few columns only; no flag is read.

    compare_fields(luma_lines(first), luma_lines(second))
"""

from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from pipeline.media.picture import plane_of

Lines = NDArray[np.uint8]

_COLUMNS = 360
_BLOCK_COLUMNS, _BLOCK_LINES = 16, 8  # of a field
# Levels of 0 to 255; noise and the codec change less.
_MOVING = 4.0
_FEWEST_BLOCKS = 4
# How far apart the two pairs of fields must be: their ratio and, where fields themselves change from line to line (so
# that lines between them cannot be told), their difference as a share of that change.
_ORDER_RATIO, _ORDER_LEVELS, _ORDER_DETAIL = 1.4, 1.0, 0.5
# A frame's own fields are apart by one step of three, or of two with telecine; the pattern of a progressive film lets
# its lines be told from each other better than from the next frame's.
_OWN_OF_FAR, _OWN_OF_NEAR = 0.2, 0.6
# Share of the moving blocks that must agree on an order: chance gives less on the films of test suites and of shots.
_AGREEING = 0.15
# A field that repeats changes by the codec's noise alone.
_REPEATED = 0.5
_WITH_LUMA_PLANE = ("yuv4", "yuvj4", "yuva4", "nv12", "nv16", "nv21", "gray")


@dataclass(frozen=True, slots=True)
class FieldVote:
    """What a pair of frames says.

    `moving` blocks there are; `combed` is `top` or `bottom` (the field that comes first) if the first frame is combed;
    `repeated` is the field that the second frame has from the first, while the other one moves.
    """

    moving: int
    combed: str | None
    repeated: str | None

    @property
    def is_seen(self) -> bool:
        """Whether enough moves to tell."""
        return self.moving >= _FEWEST_BLOCKS


def luma_lines(frame: av.VideoFrame) -> Lines:
    """All lines of a frame's luma in 8 bits, but only about 360 of its columns."""
    name = frame.format.name
    if not name.startswith(_WITH_LUMA_PLANE) or frame.format.components[0].bits != 8:
        frame = VideoReformatter().reformat(frame, format="gray")
    luma = plane_of(frame, 0)
    return np.ascontiguousarray(luma[: luma.shape[0] // 2 * 2, :: max(1, luma.shape[1] // _COLUMNS)])


def compare_fields(first: Lines, second: Lines) -> FieldVote:
    """Compare two consecutive frames of one size."""
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
