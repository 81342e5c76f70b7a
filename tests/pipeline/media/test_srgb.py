"""Colours of images: profiles are converted by their own primaries and curves, broken and foreign ones ignored.

python -m pytest tests/pipeline/media/test_srgb.py
"""

import io

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pipeline.media.srgb import to_srgb
from tests.films import texture
from tests.picture_files import ADOBE_RGB, DISPLAY_P3, SRGB, icc_profile, to_xyz

# Half saturated, so that no colour of the wide-gamut spaces lies outside sRGB.
PICTURE = np.asarray(texture(3, 60, 40) // 2 + 64, np.uint8)
GREY = np.asarray(cv2.cvtColor(PICTURE, cv2.COLOR_RGB2GRAY), np.uint8)


def _encoded(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light as sRGB of 0 to 255 (IEC 61966-2-1)."""
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _converted(mode: str, pixels: NDArray[np.uint8], profile: bytes) -> NDArray[np.float64]:
    image = Image.fromarray(pixels, mode)
    image.info["icc_profile"] = profile
    return np.asarray(to_srgb(image), float)


@pytest.mark.parametrize(("primaries", "gamma"), [(DISPLAY_P3, 2.2), (ADOBE_RGB, 2.2), (SRGB, 1.0)])
def test_a_wide_profile_gives_the_same_colours_in_srgb(
    primaries: tuple[tuple[float, float], ...], gamma: float
) -> None:
    linear = (PICTURE / 255.0) ** gamma
    expected = _encoded(linear @ (np.linalg.inv(to_xyz(SRGB)) @ to_xyz(primaries)).T)
    result = _converted("RGB", PICTURE, icc_profile(primaries, gamma))
    assert np.abs(result - expected).max() < 2
    assert np.abs(result - PICTURE).mean() > 2  # it is not the image as stored


def test_a_grey_profile_is_converted_by_its_curve() -> None:
    result = _converted("L", GREY, icc_profile(None, 1.8))
    assert np.abs(result - _encoded((GREY / 255.0) ** 1.8)[..., None]).max() < 2
    assert np.abs(result[..., 0] - GREY).mean() > 5


def test_a_grey_image_with_a_profile_of_colours_is_converted_as_grey_of_those_colours() -> None:
    result = _converted("L", GREY, icc_profile(DISPLAY_P3, 1.0))
    assert np.abs(result - _encoded(GREY / 255.0)[..., None]).max() < 2


def test_an_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(_converted("RGB", PICTURE, profile), PICTURE)


@pytest.mark.parametrize("damage", ["cut", "noise", "text", "foreign"])
def test_a_broken_or_foreign_profile_is_ignored(damage: str) -> None:
    whole = icc_profile(DISPLAY_P3, 2.2)
    noise = np.random.default_rng(0).bytes(len(whole) - 128)
    profile = {
        "cut": whole[:140],
        "noise": whole[:128] + noise,
        "text": b"no profile at all",
        "foreign": icc_profile(None, 1.0),
    }[damage]
    assert np.array_equal(_converted("RGB", PICTURE, profile), PICTURE)


def test_the_profile_of_inks_is_used_and_alpha_is_laid_on_white_after_it() -> None:
    inks = np.dstack([255 - PICTURE, np.zeros_like(GREY)])
    assert np.array_equal(
        _converted("CMYK", inks, icc_profile(DISPLAY_P3, 2.2)), PICTURE
    )  # mismatched profile: ideal inks
    alpha = np.where(np.arange(60) < 30, 0, 255).astype(np.uint8) * np.ones((40, 1), np.uint8)
    result = _converted("RGBA", np.dstack([PICTURE, alpha]), icc_profile(DISPLAY_P3, 2.2))
    assert (result[:, :30] == 255).all()
    assert np.array_equal(result[:, 30:], _converted("RGB", PICTURE, icc_profile(DISPLAY_P3, 2.2))[:, 30:])


def test_a_palette_is_converted_by_the_profile_of_its_colours() -> None:
    image = Image.fromarray(PICTURE).quantize(16)
    image.info["icc_profile"] = icc_profile(DISPLAY_P3, 2.2)
    stored = np.asarray(image.convert("RGB"))
    expected = _converted("RGB", stored, icc_profile(DISPLAY_P3, 2.2))
    assert np.array_equal(np.asarray(to_srgb(image), float), expected)


def test_lab_is_converted() -> None:
    lab = Image.frombytes("LAB", (2, 1), bytes([255, 0, 0, 136, 0, 0]))  # white, and a grey of L* = 53.3
    assert np.abs(np.asarray(to_srgb(lab), int)[0] - [[255] * 3, [127] * 3]).max() <= 2


def test_profiles_are_read_from_files() -> None:
    for format in ("PNG", "JPEG", "TIFF", "WEBP", "AVIF"):
        buffer = io.BytesIO()
        Image.fromarray(PICTURE).save(buffer, format, icc_profile=icc_profile(DISPLAY_P3, 2.2), quality=100)
        with Image.open(buffer) as image:
            plain = np.asarray(image.convert("RGB"), float)
            assert np.abs(np.asarray(to_srgb(image), float) - plain).mean() > 1, format
