"""A 192-byte image signature, by which pack and verify check that shipped frames are the ones that were captioned.

It holds the mean colours of an 8x8 grid, as in MPEG-7's colour layout descriptor (ISO/IEC 15938-3, 6.7). Scaling and
encoding change them by a level or two; a different image, or broken colours, by many. The difference hash of the
duplicate search does not serve here: it ignores colour, and on flat images it is noise.

    signature = image_signature(still)
    matches_crop(signature, frame, crop, (width, height))
"""

from collections.abc import Sequence

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.media.rgb import RgbConverter

GRID = 8
_STEP = 8
_SAMPLED = _STEP * GRID
_SHIFTS = (0, -2, 2, -4, 4)
# Levels of 0 to 255. Over 87 frames of 50 videos two ways of scaling a frame changed the mean by up to 1.0 and a cell
# by up to 5; frames of two videos differ by 30 or more in 95 % of pairs (median 89).
SAME_MEAN, SAME_CELL = 6.0, 40.0
# A shipped frame may be up to half a frame interval of its bucket away from the still, so things may have moved.
SHIPPED_MEAN, SHIPPED_CELL = 14.0, 70.0

Box = tuple[int, int, int, int]


def image_signature(image: NDArray[np.uint8]) -> bytes:
    """The signature of a uint8 RGB image [H, W, 3]: 8x8 uint8 RGB means in row-major order, 192 bytes."""
    return np.asarray(cv2.resize(image, (GRID, GRID), interpolation=cv2.INTER_AREA), np.uint8).tobytes()


def frame_signature(frame: av.VideoFrame, converter: RgbConverter) -> bytes:
    """The signature of a decoded frame as displayed."""
    return image_signature(converter.rgb(frame, _SAMPLED, _SAMPLED))


def signatures_differ(first: bytes, second: bytes) -> bool:
    """Whether two signatures are of different images."""
    difference = np.abs(_levels(first) - _levels(second))
    return bool(difference.mean() > SAME_MEAN or difference.mean(axis=1).max() > SAME_CELL)


def matches_crop(
    signature: bytes, image: NDArray[np.uint8], crop: Box, size: tuple[int, int], share: float = 1.0
) -> bool | None:
    """Whether an image shows what the signature's frame shows inside `crop`, within a `share` of the tolerance.

    `image` is uint8 RGB [H, W, 3] of any size; `crop` (left, top, width, height) and `size` (width, height) are pixels
    of the frame. Motion between two frames is allowed for by shifts of up to half a cell. None if the crop contains no
    complete cell of the signature.
    """
    # The frame is scaled to 64x64 pixels, 8x8 per cell; the crop is a part of that.
    left, width = crop[0] * _SAMPLED / size[0], max(1, round(crop[2] * _SAMPLED / size[0]))
    top, height = crop[1] * _SAMPLED / size[1], max(1, round(crop[3] * _SAMPLED / size[1]))
    small = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    if min(width, height) < _STEP:
        return None
    # means[y, x] is the mean colour of the cell whose top left pixel is (x, y).
    filtered = np.asarray(cv2.boxFilter(small, -1, (_STEP, _STEP), anchor=(0, 0)), np.float32)
    means = filtered[: height - _STEP + 1, : width - _STEP + 1]
    levels = _levels(signature).reshape(GRID, GRID, 3)
    rows, columns = _inside(top, means.shape[0]), _inside(left, means.shape[1])
    if not rows or not columns:
        return None
    expected = levels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return any(
        _is_near(expected - _shifted(means, rows, columns, (top + down, left + right)), share)
        for down in _SHIFTS
        for right in _SHIFTS
    )


def _inside(start: float, length: int) -> list[int]:
    """The cells whose corner lies in the crop, which begins at `start` and has `length` corners."""
    return [cell for cell in range(GRID) if -0.5 <= cell * _STEP - start <= length - 0.5]


def _shifted(
    means: NDArray[np.float32], rows: Sequence[int], columns: Sequence[int], corner: tuple[float, float]
) -> NDArray[np.float32]:
    """The means of these cells in a shifted image, [rows, columns, 3]; clamped at its edges."""
    down = np.clip([round(cell * _STEP - corner[0]) for cell in rows], 0, means.shape[0] - 1)
    right = np.clip([round(cell * _STEP - corner[1]) for cell in columns], 0, means.shape[1] - 1)
    return np.asarray(means[np.ix_(down, right)], np.float32)


def _is_near(difference: NDArray[np.float64], share: float) -> bool:
    size = np.abs(difference)
    return bool(size.mean() <= share * SHIPPED_MEAN and size.mean(axis=2).max() <= share * SHIPPED_CELL)


def _levels(signature: bytes) -> NDArray[np.float64]:
    return np.frombuffer(signature, np.uint8).reshape(-1, 3).astype(np.float64)
