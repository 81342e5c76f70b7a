"""Plain patches get the names that people give them; parts of a picture are told apart."""

import io

import numpy as np
import pytest
from PIL import Image

from captioning.captioners.colours import PALETTE, measure_appearance
from schemas.errors import MediaError


def png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG")
    return encoded.getvalue()


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((255, 0, 0), "red"),
        ((0, 0, 255), "blue"),
        ((0, 128, 0), "green"),
        ((255, 255, 0), "yellow"),
        ((255, 165, 0), "orange"),
        ((255, 255, 255), "white"),
        ((0, 0, 0), "black"),
        ((128, 128, 128), "grey"),
        ((139, 90, 60), "brown"),
        ((128, 0, 128), "purple"),
        ((135, 206, 235), "light blue"),
        ((255, 105, 180), "pink"),
        ((0, 0, 90), "dark blue"),
    ],
)
def test_names_of_plain_patches(rgb: tuple[int, int, int], name: str) -> None:
    assert measure_appearance(png(np.full((20, 30, 3), rgb, dtype=np.uint8))).colours == ((name, 1.0),)


def test_shares_and_parts() -> None:
    pixels = np.full((90, 90, 3), 255, dtype=np.uint8)
    pixels[:30] = 0
    seen = measure_appearance(png(pixels))
    assert dict(seen.colours) == pytest.approx({"white": 2 / 3, "black": 1 / 3}, abs=0.03)
    assert seen.above[0] == "black"
    assert seen.below == ("white", 1.0)
    assert seen.monochrome
    assert seen.brightness == pytest.approx(2 / 3, abs=0.02)
    assert seen.contrast == pytest.approx((2 / 9) ** 0.5, abs=0.02)


def test_one_vivid_spot_is_not_monochrome() -> None:
    pixels = np.zeros((96, 96, 3), dtype=np.uint8)
    pixels[40:50, 40:50] = (230, 20, 20)
    assert not measure_appearance(png(pixels)).monochrome


def test_every_anchor_is_its_own_name() -> None:
    for name, code in PALETTE:
        rgb = [int(code[at : at + 2], 16) for at in (1, 3, 5)]
        assert measure_appearance(png(np.full((8, 8, 3), rgb, dtype=np.uint8))).colours[0][0] == name


def test_not_a_picture() -> None:
    with pytest.raises(MediaError, match="not an image that can be decoded"):
        measure_appearance(b"text")
