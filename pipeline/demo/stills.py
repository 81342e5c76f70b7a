"""The images of the bucket: real photographs, cropped to a shape and saved as JPEG, PNG or WebP.

python -m pipeline.demo.build <folder>
"""

from dataclasses import dataclass
from pathlib import Path

import cv2

from pipeline.demo.sources import cover, photograph

_QUALITY = {
    ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 92),
    ".webp": (cv2.IMWRITE_WEBP_QUALITY, 90),
    ".png": (cv2.IMWRITE_PNG_COMPRESSION, 9),
}


@dataclass(frozen=True, slots=True)
class Still:
    """An image of the bucket; the suffix of its key decides the format."""

    key: str
    photograph: str
    width: int
    height: int


def write_still(still: Still, folder: Path) -> None:
    """Save the image below the folder."""
    pixels = cover(photograph(still.photograph), still.width, still.height)
    ending = Path(still.key).suffix
    saved, encoded = cv2.imencode(ending, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), _QUALITY[ending])
    assert saved, f"OpenCV cannot write {still.key}"
    path = folder / still.key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded.tobytes())
