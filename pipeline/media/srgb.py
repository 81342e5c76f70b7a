"""A decoded picture of any mode as 8-bit sRGB on a plain ground: depth, palette, inks, profile and alpha resolved.

* 16 bits are scaled by 257 to 8 (grey) or lose their lower byte (colour).
* An ICC profile of the picture's own colour space is converted to sRGB by LittleCMS, relative colorimetric with black
  point compensation, as browsers and Photoshop do; a broken or foreign one is ignored. Inks without a profile are
  taken as ideal: red = (1 - cyan) (1 - black).
* What is transparent shows `GROUND`, so that nothing ships which no viewer ever showed.

    to_srgb(Image.open("cutout.png"))
"""

import io
from typing import cast

import cv2
import numpy as np
from PIL import Image, ImageChops, ImageCms

from pipeline.media.tiff import white_of
from schemas.errors import MediaError

# White: cut-outs are made for pages, and dark subjects stay visible on it.
GROUND = (255, 255, 255)
_SRGB = ImageCms.createProfile("sRGB")
_LAB = ImageCms.createProfile("LAB")
# ICC.1:2022, table 19: the signature of a profile's colour space, and the mode of pictures that it is for.
_MODES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK", "Lab ": "LAB"}
_OPAQUE_MODES = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK", "LAB": "LAB"}


def to_srgb(picture: Image.Image) -> Image.Image:
    """The picture as RGB. Raises `MediaError` if it shows nothing or its values have no defined white."""
    alpha = None
    if picture.has_transparency_data:
        picture, alpha = _split_alpha(picture)
    colour = _convert(_opaque(picture), picture.info.get("icc_profile"))
    if alpha is not None:
        colour.paste(GROUND, mask=ImageChops.invert(alpha))
    return colour


def _split_alpha(picture: Image.Image) -> tuple[Image.Image, Image.Image]:
    if picture.mode.startswith("I;16"):
        grey = np.asarray(picture)
        shown = (grey != picture.info["transparency"]).astype(np.uint8) * 255
        alpha = Image.fromarray(shown)
    else:
        if picture.mode == "RGB" and max(picture.info["transparency"]) > 255:  # the key still has 16 bits
            picture.info["transparency"] = tuple(value >> 8 for value in picture.info["transparency"])
        mode = "LA" if picture.mode in ("1", "L", "La", "LA") else "RGBA"
        picture = picture if picture.mode == mode else picture.convert(mode)
        alpha = picture.getchannel("A")
    if alpha.getextrema()[1] == 0:
        raise MediaError("picture that is transparent everywhere: it shows nothing")
    return picture, alpha


def _opaque(picture: Image.Image) -> Image.Image:
    """The colours alone, 8 bits a channel, in one of the modes that profiles are for."""
    if picture.mode.startswith("I;16"):
        return _to_8_bits(picture)
    if picture.mode in ("I", "F"):
        raise MediaError(
            f"picture of 32-bit numbers (mode {picture.mode}): it has no defined white; export it with 8 bits"
        )
    mode = _OPAQUE_MODES.get(picture.mode, "RGB")
    return picture if picture.mode == mode else picture.convert(mode)


def _to_8_bits(picture: Image.Image) -> Image.Image:
    black, white = white_of(picture)
    scale = 255 / (white - black)
    values = np.asarray(picture).astype(np.uint16, copy=False)
    return Image.fromarray(np.asarray(cv2.convertScaleAbs(values, alpha=scale, beta=-black * scale)))


def _convert(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        converted = _by_profile(picture, profile)
        if converted is not None:
            return converted
    if picture.mode == "LAB":
        transform = ImageCms.buildTransform(_LAB, _SRGB, "LAB", "RGB")
        return cast(Image.Image, ImageCms.applyTransform(picture, transform))
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _by_profile(picture: Image.Image, data: bytes) -> Image.Image | None:
    """The picture through its profile; None if the profile is broken or made for another colour space."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        mode = _MODES.get(profile.profile.xcolor_space)
        if (picture.mode, mode) == ("L", "RGB"):
            picture = picture.convert("RGB")
        if picture.mode != mode:
            return None
        transform = ImageCms.buildTransform(
            profile,
            _SRGB,
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return cast(Image.Image, ImageCms.applyTransform(picture, transform))
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
