"""What a picture looks like from far away, in 192 bytes: by it pack and verify know the pictures that were captioned.

The mean colours of 8x8 places, as in MPEG-7's colour layout descriptor (ISO/IEC 15938-3, 6.7). Scaling and encoding
change them by a level or two; another picture, or one whose colours broke, by many. The difference hash by which
copies are found cannot serve here: it sees no colours, and on flat pictures it is noise.

    python -m pytest tests/pipeline/media/test_signature.py
"""

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


def _levels(signature: bytes) -> NDArray[np.float64]:
    return np.frombuffer(signature, np.uint8).reshape(-1, 3).astype(np.float64)
