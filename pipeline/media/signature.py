"""What a picture looks like from far away, in 192 bytes: by it pack and verify know the pictures that were captioned.

The mean colours of 8x8 places, as in MPEG-7's colour layout descriptor (ISO/IEC 15938-3, 6.7). Scaling and encoding
change them by a level or two; another picture, or one whose colours broke, by many. The difference hash by which
copies are found cannot serve here: it sees no colours, and on flat pictures it is noise.

    python -m pytest tests/pipeline/media/test_signature.py
"""

import math

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.media.picture import PictureMaker

PLACES = 8
_SAMPLED = 8 * PLACES
# Levels of 0 to 255. Two decodes of a frame differ by 0, two ways of scaling it by up to 2, an encode at crf 18 by up
# to 4; the pictures of two shots differ by 30 and more (docs/stages.md has the measurement).
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
    None where the crop holds no place of the signature whole.
    """
    left, top, width, height = crop
    columns, rows = _inside(left, width, size[0]), _inside(top, height, size[1])
    if not columns or not rows:
        return None
    levels = _levels(signature).reshape(PLACES, PLACES, 3)
    shown = np.array(
        [
            [
                _part(picture, (x * size[0] / PLACES - left) / width, (y * size[1] / PLACES - top) / height,
                      size[0] / PLACES / width, size[1] / PLACES / height)
                for x in columns
            ]
            for y in rows
        ]
    )  # fmt: skip
    difference = np.abs(levels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] - shown)
    return bool(difference.mean() <= share * SHIPPED_MEAN and difference.mean(axis=2).max() <= share * SHIPPED_PLACE)


def _inside(start: int, length: int, of: int) -> list[int]:
    """The places along one side that lie in [start, start + length)."""
    return [
        place for place in range(PLACES) if start <= place * of / PLACES and (place + 1) * of / PLACES <= start + length
    ]


def _part(picture: NDArray[np.uint8], x: float, y: float, width: float, height: float) -> NDArray[np.float64]:
    """The mean colour of a part of a picture, given in shares of its sides."""
    rows, columns = picture.shape[:2]
    top, left = math.floor(y * rows), math.floor(x * columns)
    bottom, right = max(top + 1, math.ceil((y + height) * rows)), max(left + 1, math.ceil((x + width) * columns))
    return np.asarray(picture[top:bottom, left:right].reshape(-1, 3).mean(axis=0), np.float64)


def _levels(signature: bytes) -> NDArray[np.float64]:
    return np.frombuffer(signature, np.uint8).reshape(-1, 3).astype(np.float64)
