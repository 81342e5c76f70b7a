"""A picture file as upright sRGB, and what it is: the same reader serves the probe and all that need the pixels.

Pictures of more than one frame are films and go FFmpeg's way, except for animated WebP, which FFmpeg does not decode.

    python -m pipeline.media.probe photo.png
"""

from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from pipeline.media.limits import check_pixels
from pipeline.media.picture_formats import HEAD_BYTES, PictureFormat, hdr_curve, identify
from pipeline.media.srgb import to_srgb
from pipeline.media.tiff import check_pages, check_tiff, stored_size
from pipeline.storage.store import open_source
from schemas.errors import MediaError

# Pillow has a bound of its own on pixels, for the whole process; `check_pixels` holds ours before any is decoded.
Image.MAX_IMAGE_PIXELS = None
_STRIP_LINES = 256
# OpenJPEG holds every value in 32 bits, so a picture takes twice the memory of others.
_COSTS = {"JPEG2000": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFile:
    """A picture as it is used, RGB [height, width, 3] and upright, and how the file stores it."""

    format: str
    mode: str
    coded_width: int
    coded_height: int
    pixels: NDArray[np.uint8]


def open_picture(source: IO[bytes]) -> PictureFile | None:
    """The picture that a file is; None if it is something else, or a film (an animated GIF, PNG or AVIF).

    Raises `MediaError` for a picture that is not read, is damaged, or has more pixels than the limits allow.
    """
    head = source.read(HEAD_BYTES)
    found = identify(head)
    source.seek(0)
    if found is None:
        return None
    if not found.is_read:
        raise MediaError(f"picture format that is not read ({found.name}): convert it to PNG or JPEG")
    if found.name in ("AVIF", "PNG") and (curve := hdr_curve(head)):
        raise MediaError(f"HDR picture ({curve}): only films are tone-mapped; convert it to SDR")
    try:
        return _read(source, found)
    except MediaError:
        raise
    except Exception as error:  # Pillow's readers let through whatever a damaged file makes them stumble over
        raise MediaError(f"picture that cannot be decoded ({found.name}): {_reason(error)}") from None


def read_picture(uri: str) -> NDArray[np.uint8]:
    """A picture file as upright RGB [height, width, 3]. Raises `MediaError` if it cannot be used."""
    with open_source(uri) as source:
        picture = open_picture(source)
    if picture is None:
        raise MediaError("not a picture: changed since it was listed")
    return picture.pixels


def _read(file: IO[bytes], found: PictureFormat) -> PictureFile | None:
    if found.name == "TIFF":
        check_tiff(file)
    with Image.open(file, formats=(found.name,)) as picture:
        size = stored_size(picture) if isinstance(picture, TiffImageFile) else picture.size
        check_pixels(*size, cost=_COSTS.get(found.name, 1))
        if _is_animated(picture, found):
            return None
        mode = picture.mode
        ImageOps.exif_transpose(picture, in_place=True)
        return PictureFile(
            format=found.name.lower(),
            mode=mode,
            coded_width=size[0],
            coded_height=size[1],
            pixels=_pixels(to_srgb(picture)),
        )


def _pixels(picture: Image.Image) -> NDArray[np.uint8]:
    """The picture as an array. By strips, because Pillow needs twice the size of what it hands over."""
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    for top in range(0, picture.height, _STRIP_LINES):
        bottom = min(picture.height, top + _STRIP_LINES)
        pixels[top:bottom] = np.asarray(picture.crop((0, top, picture.width, bottom)))
    return pixels


def _is_animated(picture: Image.Image, found: PictureFormat) -> bool:
    """Whether it is a film. A JPEG's further pictures (depth, gain map, other eye) belong to the first."""
    if isinstance(picture, TiffImageFile):
        check_pages(picture)
        return False
    if found.name == "JPEG":
        return False
    if found.name == "PNG":
        frames = getattr(picture, "n_frames", 1) - bool(picture.info.get("default_image"))
        return frames > 1
    animated = bool(getattr(picture, "is_animated", False))
    if animated and found.name == "WEBP":
        raise MediaError("animated WebP, which FFmpeg does not decode: convert it to a video")
    if animated and found.name == "AVIF" and picture.has_transparency_data:  # it stands in a stream of its own
        raise MediaError("animated AVIF with transparency, which FFmpeg does not apply: convert it to a video")
    return animated


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its header is damaged, or of a kind that Pillow does not read"
    return str(error) or type(error).__name__
