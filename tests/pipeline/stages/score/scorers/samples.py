"""Pictures for the scorers' tests, encoded as the pipeline's stills are.

from tests.pipeline.stages.score.scorers.samples import photograph, with_text
"""

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """Encode RGB [height, width, 3]."""
    return bytes(cv2.imencode(".jpg", np.ascontiguousarray(pixels[:, :, ::-1]))[1].tobytes())


def photograph(name: str) -> bytes:
    """One of the photographs that scikit-image carries: `chelsea` (a cat), `coffee` (a cup), `astronaut`, `rocket`."""
    return jpeg(getattr(skimage.data, name)())


def with_text(name: str, *lines: str) -> bytes:
    """The photograph with lines of white text drawn on it."""
    pixels = np.ascontiguousarray(getattr(skimage.data, name)())
    for index, line in enumerate(lines):
        place = (10, 60 + 60 * index)
        cv2.putText(pixels, line, place, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2, cv2.LINE_AA)
    return jpeg(pixels)
