"""A picture file as upright RGB, and what it is: the same reader serves the probe and all that need the pixels.

python -m pipeline.media.probe photo.png
"""

from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.storage import open_source
from schemas.errors import MediaError

_FORMATS = ("JPEG", "PNG", "WEBP")
_HEAD_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFile:
    """A picture as it is used, RGB [height, width, 3] and upright, and how the file stores it."""

    format: str
    mode: str
    coded_width: int
    coded_height: int
    pixels: NDArray[np.uint8]


def open_picture(source: IO[bytes]) -> PictureFile | None:
    """The picture that a file is; None if it is something else.

    Raises `MediaError` for a picture that cannot be used.
    """
    return _read(source) if _is_picture(_head(source)) else None


def read_picture(uri: str) -> NDArray[np.uint8]:
    """A picture file as upright RGB [height, width, 3]. Raises `MediaError` if it cannot be decoded."""
    with open_source(uri) as source:
        return _read(source).pixels


def _head(source: IO[bytes]) -> bytes:
    head = source.read(_HEAD_BYTES)
    source.seek(0)
    return head


def _is_picture(head: bytes) -> bool:
    return (
        head[:3] == b"\xff\xd8\xff" or head[:8] == b"\x89PNG\r\n\x1a\n" or (head[:4], head[8:12]) == (b"RIFF", b"WEBP")
    )


def _read(source: IO[bytes]) -> PictureFile:
    try:
        with Image.open(source, formats=_FORMATS) as picture:
            frames = getattr(picture, "n_frames", 1)
            if frames > 1:
                raise MediaError(f"animated picture with {frames} frames: convert it to a video")
            return PictureFile(
                format=str(picture.format).lower(),
                mode=picture.mode,
                coded_width=picture.width,
                coded_height=picture.height,
                pixels=np.asarray(ImageOps.exif_transpose(picture).convert("RGB")),
            )
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"picture that cannot be decoded: {error}") from None
