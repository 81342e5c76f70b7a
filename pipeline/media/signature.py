"""What a picture looks like from far away, in 192 bytes: by it pack and verify know the pictures that were captioned.

The mean colours of 8x8 places, as in MPEG-7's colour layout descriptor (ISO/IEC 15938-3, 6.7). Scaling and encoding
change them by a level or two; another picture, or one whose colours broke, by many. The difference hash by which
copies are found cannot serve here: it sees no colours, and on flat pictures it is noise.

    python -m pytest tests/pipeline/media/test_signature.py
"""

from collections.abc import Sequence

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.media.picture import PictureMaker

PLACES = 8
_STEP = 8
_SAMPLED = _STEP * PLACES
_SHIFTS = (0, -2, 2, -4, 4)
# Levels of 0 to 255. Over 87 frames of 50 films two ways of scaling one frame changed the mean by up to 1.0 and a place
# by up to 5; frames of two films differ by 30 and more in 95 pairs of 100, 89 in the middle.
SAME_MEAN, SAME_PLACE = 6.0, 40.0
# A shipped frame may be up to half a frame of its bucket away from the still, so things have moved a little.
SHIPPED_MEAN, SHIPPED_PLACE = 14.0, 70.0

Box = tuple[int, int, int, int]


def picture_signature(picture: NDArray[np.uint8]) -> bytes:
    """The signature of an RGB picture [height, width, 3]: 8x8 RGB means, row by row."""
    return np.asarray(cv2.resize(picture, (PLACES, PLACES), interpolation=cv2.INTER_AREA), np.uint8).tobytes()


def frame_signature(frame: av.VideoFrame, pictures: PictureMaker) -> bytes:
    """The signature of a decoded frame as it is shown."""
    return picture_signature(pictures.rgb(frame, _SAMPLED, _SAMPLED))


def signatures_differ(first: bytes, second: bytes) -> bool:
    """Whether two signatures cannot be of the same picture."""
    difference = np.abs(_levels(first) - _levels(second))
    return bool(difference.mean() > SAME_MEAN or difference.mean(axis=1).max() > SAME_PLACE)


def matches_crop(
    signature: bytes, picture: NDArray[np.uint8], crop: Box, size: tuple[int, int], share: float = 1.0
) -> bool | None:
    """Whether a picture is what the signature's frame shows inside `crop`, up to a `share` of the tolerance.

    `picture` is RGB of any size; `crop` (left, top, width, height) and `size` (width, height) are pixels of the frame.
    What the camera or a subject moved between two frames is allowed for by half a place. None where the crop holds no
    place of the signature whole.
    """
    # The frame would be 64x64 pixels, 8x8 a place; the crop is a part of that.
    left, width = crop[0] * _SAMPLED / size[0], max(1, round(crop[2] * _SAMPLED / size[0]))
    top, height = crop[1] * _SAMPLED / size[1], max(1, round(crop[3] * _SAMPLED / size[1]))
    small = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    if min(width, height) < _STEP:
        return None
    # means[y, x] is the mean colour of the place whose corner is pixel (x, y).
    filtered = np.asarray(cv2.boxFilter(small, -1, (_STEP, _STEP), anchor=(0, 0)), np.float32)
    means = filtered[: height - _STEP + 1, : width - _STEP + 1]
    levels = _levels(signature).reshape(PLACES, PLACES, 3)
    rows, columns = _inside(top, means.shape[0]), _inside(left, means.shape[1])
    if not rows or not columns:
        return None
    wanted = levels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return any(
        _is_near(wanted - _shifted(means, rows, columns, (top + down, left + right)), share)
        for down in _SHIFTS
        for right in _SHIFTS
    )


def _inside(start: float, length: int) -> list[int]:
    """The places whose corner lies in the crop, which begins at `start`, of `length` corners."""
    return [place for place in range(PLACES) if -0.5 <= place * _STEP - start <= length - 0.5]


def _shifted(
    means: NDArray[np.float32], rows: Sequence[int], columns: Sequence[int], corner: tuple[float, float]
) -> NDArray[np.float32]:
    """The means of these places in a picture moved a little; at its edge the nearest ones that there are."""
    down = np.clip([round(place * _STEP - corner[0]) for place in rows], 0, means.shape[0] - 1)
    right = np.clip([round(place * _STEP - corner[1]) for place in columns], 0, means.shape[1] - 1)
    return np.asarray(means[np.ix_(down, right)], np.float32)


def _is_near(difference: NDArray[np.float64], share: float) -> bool:
    size = np.abs(difference)
    return bool(size.mean() <= share * SHIPPED_MEAN and size.mean(axis=2).max() <= share * SHIPPED_PLACE)


def _levels(signature: bytes) -> NDArray[np.float64]:
    return np.frombuffer(signature, np.uint8).reshape(-1, 3).astype(np.float64)
