"""Converts a decoded image of any mode to 8-bit sRGB: bit depth, palette, inks, ICC profile and alpha are resolved.

* 16 bits are scaled by 257 to 8 (grey) or lose their lower byte (colour).
* An ICC profile for the image's own colour space is converted to sRGB by LittleCMS, relative colorimetric with black
  point compensation, as browsers and Photoshop do; a broken or mismatched one is ignored. Inks without a profile are
  taken as ideal: red = (1 - cyan) (1 - black).
* Transparent pixels become `GROUND`, so that no hidden content ships.

    to_srgb(Image.open("cutout.png"))
"""

import io
from typing import cast

import cv2
import numpy as np
from PIL import Image, ImageChops, ImageCms

from pipeline.media.tiff import white_of
from schemas.errors import MediaError

# White: cut-outs are made for web pages, and dark subjects stay visible on it.
GROUND = (255, 255, 255)
_SRGB = ImageCms.createProfile("sRGB")
_LAB = ImageCms.createProfile("LAB")
# ICC.1:2022, table 19: the signature of a profile's colour space, and the image mode it applies to.
_MODES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK", "Lab ": "LAB"}
_OPAQUE_MODES = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK", "LAB": "LAB"}


def to_srgb(image: Image.Image) -> Image.Image:
    """The image as RGB. Raises `MediaError` if it is fully transparent or its values have no defined white."""
    alpha = None
    if image.has_transparency_data:
        image, alpha = _split_alpha(image)
    colour = _convert(_opaque(image), image.info.get("icc_profile"))
    if alpha is not None:
        colour.paste(GROUND, mask=ImageChops.invert(alpha))
    return colour


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    if image.mode.startswith("I;16"):
        grey = np.asarray(image)
        mask = (grey != image.info["transparency"]).astype(np.uint8) * 255
        alpha = Image.fromarray(mask)
    else:
        if image.mode == "RGB" and max(image.info["transparency"]) > 255:  # the key still has 16 bits
            image.info["transparency"] = tuple(value >> 8 for value in image.info["transparency"])
        mode = "LA" if image.mode in ("1", "L", "La", "LA") else "RGBA"
        image = image if image.mode == mode else image.convert(mode)
        alpha = image.getchannel("A")
    if alpha.getextrema()[1] == 0:
        raise MediaError("image that is transparent everywhere: it shows nothing")
    return image, alpha


def _opaque(image: Image.Image) -> Image.Image:
    """The colours alone, 8 bits per channel, in one of the modes that profiles apply to."""
    if image.mode.startswith("I;16"):
        return _to_8_bits(image)
    if image.mode in ("I", "F"):
        raise MediaError(f"image of 32-bit numbers (mode {image.mode}): it has no defined white; export it with 8 bits")
    mode = _OPAQUE_MODES.get(image.mode, "RGB")
    return image if image.mode == mode else image.convert(mode)


def _to_8_bits(image: Image.Image) -> Image.Image:
    black, white = white_of(image)
    scale = 255 / (white - black)
    values = np.asarray(image).astype(np.uint16, copy=False)
    return Image.fromarray(np.asarray(cv2.convertScaleAbs(values, alpha=scale, beta=-black * scale)))


def _convert(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        converted = _by_profile(image, profile)
        if converted is not None:
            return converted
    if image.mode == "LAB":
        transform = ImageCms.buildTransform(_LAB, _SRGB, "LAB", "RGB")
        return cast(Image.Image, ImageCms.applyTransform(image, transform))
    return image if image.mode == "RGB" else image.convert("RGB")


def _by_profile(image: Image.Image, data: bytes) -> Image.Image | None:
    """The image converted by its profile; None if the profile is broken or for another colour space."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        mode = _MODES.get(profile.profile.xcolor_space)
        if (image.mode, mode) == ("L", "RGB"):
            image = image.convert("RGB")
        if image.mode != mode:
            return None
        transform = ImageCms.buildTransform(
            profile,
            _SRGB,
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return cast(Image.Image, ImageCms.applyTransform(image, transform))
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
