"""Rendered scenes of the sky: rolling clouds, and an aurora over mountains.

python -m pipeline.demo.sheet generated/rendered/sea-and-sky.mp4 sheet.png
"""

from collections.abc import Callable

import cv2
import numpy as np

from pipeline.demo.drawing import Colour, Field, Image, below, gradient, noise, ridge, scroll, stars, to_image

# Per variant: sky from the top down, cloud lit and in shade, hills.
_SKIES: tuple[tuple[tuple[Colour, ...], Colour, Colour, Colour], ...] = (
    (((40, 100, 190), (120, 180, 235), (210, 230, 245)), (255, 255, 255), (150, 165, 190), (50, 90, 50)),
    (((70, 50, 120), (220, 110, 120), (255, 190, 120)), (255, 215, 190), (120, 70, 110), (40, 30, 50)),
)
_CURTAINS: tuple[tuple[Colour, Colour], ...] = (((60, 255, 140), (150, 70, 220)), ((255, 80, 130), (70, 130, 255)))


def _drift(field: Field, across: float, down: float, width: int, height: int) -> Field:
    """A window of a tiling field at a fractional position."""
    shift = np.array([[1, 0, across % field.shape[1]], [0, 1, down % field.shape[0]]], dtype=np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(field, shift, (width, height), flags=flags, borderMode=cv2.BORDER_WRAP)
    return np.asarray(moved, dtype=np.float32)


def clouds(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """Two layers of clouds that pass over hills at their own speeds, so that they roll and change shape."""
    rng = np.random.default_rng(300 + variant)
    sky_colours, lit, shade, hills = _SKIES[variant % 2]
    sky = gradient(width, height, sky_colours, rng).astype(np.float32)
    # Clouds are soft, so half the resolution is enough for them.
    half_width, half_height = width // 2, height // 2
    large, fine = noise(width, half_height, 1.7, rng), noise(half_width, half_height, 1.25, rng)
    outline = height * (0.94 - 0.12 * ridge(width * 2, 1.7, rng))
    bright, dark = np.array(lit, dtype=np.float32), np.array(shade, dtype=np.float32)
    speed = 0.085 * width * (1, -1)[variant % 2]

    def paint(time: float) -> Image:
        thick = _drift(large, 0.5 * speed * time, 3 * time, half_width, half_height)
        density = thick + 0.35 * _drift(fine, 0.85 * speed * time, -4 * time, half_width, half_height)
        cover = np.clip((density - 0.62) * 3.2, 0, 1)[:, :, None]
        # Thick clouds are darker in their centre: light does not get through.
        heart = np.clip((thick - 0.5) * 2.2, 0, 1)[:, :, None]
        layer = cv2.resize((bright + (dark - bright) * heart) * cover, (width, height))
        canvas = to_image(sky * cv2.resize(1 - cover, (width, height))[:, :, None] + layer)
        below(canvas, scroll(outline, 0.3 * speed * time, width), hills)
        return canvas

    return paint


def aurora(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """Curtains of light that wave over a mountain range and a starry sky."""
    rng = np.random.default_rng(320 + variant)
    night = gradient(width, height, ((4, 6, 22), (10, 22, 48), (24, 48, 70)), rng)
    stars(night, 38, rng)
    folds, rays = [ridge(width * 2, 1.5, rng) for _ in range(2)], [ridge(width * 2, 0.8, rng) for _ in range(2)]
    mountains = height * (0.92 - 0.22 * ridge(width, 1.25, rng))
    # The curtains are soft too.
    rows = np.linspace(0, height, height // 2, dtype=np.float32)[:, None]
    pairs = [np.array(colour, dtype=np.float32) for colour in _CURTAINS[variant % 2]]

    def curtain(number: int, time: float) -> Field:
        foot = height * (0.42 + 0.18 * number + 0.3 * (scroll(folds[number], 70 * time, width)[::2] - 0.5))
        ray = 0.25 + scroll(rays[number], (-38, 52)[number] * time, width)[::2]
        rise = (foot[None, :] - rows) / np.float32(height)
        glowing = np.where(rise > 0, np.exp(-rise * 4.5), np.exp(rise * 45)) * ray[None, :]
        high = np.clip(rise * 2.6, 0, 1)[:, :, None]
        return np.asarray(glowing[:, :, None] * (pairs[0] * (1 - high) + pairs[1] * high), dtype=np.float32)

    def paint(time: float) -> Image:
        light = cv2.resize(to_image(0.6 * (curtain(0, time) + curtain(1, time))), (width, height))
        canvas: Image = np.asarray(cv2.add(night, light), dtype=np.uint8)
        below(canvas, mountains, (6, 10, 18))
        return canvas

    return paint
