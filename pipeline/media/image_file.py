"""Reads an image file as upright sRGB, with its format: one reader for the probe and for everyone who needs pixels.

Animated images are videos and are read by FFmpeg, except for animated WebP, which FFmpeg does not decode.

    pixels = read_image("photo.png")
"""

from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from pipeline.media.image_formats import HEAD_BYTES, ImageFormat, hdr_curve, identify
from pipeline.media.limits import check_pixels
from pipeline.media.srgb import to_srgb
from pipeline.media.tiff import check_pages, check_tiff, stored_size
from pipeline.storage.store import open_source
from schemas.errors import MediaError

# Pillow has its own limit on pixels, for the whole process; `check_pixels` applies ours before anything is decoded.
Image.MAX_IMAGE_PIXELS = None
_STRIP_LINES = 256
# OpenJPEG stores every value in 32 bits, so an image takes twice the memory of other formats.
_COSTS = {"JPEG2000": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """An image: `pixels` is uint8 RGB [H, W, 3], upright; the other fields say how the file stores it."""

    format: str
    mode: str
    coded_width: int
    coded_height: int
    pixels: NDArray[np.uint8]


def open_image(source: IO[bytes]) -> ImageFile | None:
    """The image in a file; None if the file is something else, or a video (an animated GIF, PNG or AVIF).

    Raises `MediaError` for an image of an unsupported format, a damaged one, or one over the limit on pixels.
    """
    head = source.read(HEAD_BYTES)
    image_format = identify(head)
    source.seek(0)
    if image_format is None:
        return None
    if not image_format.is_read:
        raise MediaError(f"image format that is not read ({image_format.name}): convert it to PNG or JPEG")
    if image_format.name in ("AVIF", "PNG") and (curve := hdr_curve(head)):
        raise MediaError(f"HDR image ({curve}): only videos are tone-mapped; convert it to SDR")
    try:
        return _read(source, image_format)
    except MediaError:
        raise
    except Exception as error:  # Pillow's readers raise all kinds of exceptions on damaged files
        raise MediaError(f"image that cannot be decoded ({image_format.name}): {_reason(error)}") from None


def read_image(uri: str) -> NDArray[np.uint8]:
    """An image file as upright uint8 RGB [H, W, 3]. Raises `MediaError` if it cannot be used."""
    with open_source(uri) as source:
        image = open_image(source)
    if image is None:
        raise MediaError("not an image: changed since it was listed")
    return image.pixels


def _read(file: IO[bytes], image_format: ImageFormat) -> ImageFile | None:
    if image_format.name == "TIFF":
        check_tiff(file)
    with Image.open(file, formats=(image_format.name,)) as image:
        size = stored_size(image) if isinstance(image, TiffImageFile) else image.size
        check_pixels(*size, cost=_COSTS.get(image_format.name, 1))
        if _is_animated(image, image_format):
            return None
        mode = image.mode
        ImageOps.exif_transpose(image, in_place=True)
        return ImageFile(
            format=image_format.name.lower(),
            mode=mode,
            coded_width=size[0],
            coded_height=size[1],
            pixels=_pixels(to_srgb(image)),
        )


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """The image as an array. In strips, because Pillow needs twice the size of what it exports."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _STRIP_LINES):
        bottom = min(image.height, top + _STRIP_LINES)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels


def _is_animated(image: Image.Image, image_format: ImageFormat) -> bool:
    """Whether it is a video. Further images in a JPEG (depth, gain map, second view) belong to the first."""
    if isinstance(image, TiffImageFile):
        check_pages(image)
        return False
    if image_format.name == "JPEG":
        return False
    if image_format.name == "PNG":
        frames = getattr(image, "n_frames", 1) - bool(image.info.get("default_image"))
        return frames > 1
    animated = bool(getattr(image, "is_animated", False))
    if animated and image_format.name == "WEBP":
        raise MediaError("animated WebP, which FFmpeg does not decode: convert it to a video")
    if animated and image_format.name == "AVIF" and image.has_transparency_data:  # stored in a separate stream
        raise MediaError("animated AVIF with transparency, which FFmpeg does not apply: convert it to a video")
    return animated


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its header is damaged, or of a kind that Pillow does not read"
    return str(error) or type(error).__name__
