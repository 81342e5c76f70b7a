"""Rendered landscapes: snow falling over hills, and a drive along a winding road.

python -m pipeline.demo.sheet generated/rendered/journeys.mp4 sheet.png
"""

from collections.abc import Callable
from math import pi, sin

import numpy as np

from pipeline.demo.drawing import (
    Colour,
    Field,
    Image,
    below,
    disc,
    glow,
    gradient,
    mix,
    polygon,
    ridge,
    scroll,
    to_image,
)

# Per variant: sky from the top down, far and near hills, trees.
_WINTERS: tuple[tuple[tuple[Colour, ...], Colour, Colour, Colour], ...] = (
    (((35, 45, 95), (120, 110, 160), (235, 180, 170)), (120, 130, 175), (215, 225, 245), (25, 45, 60)),
    (((120, 165, 205), (175, 205, 225), (225, 235, 240)), (165, 185, 205), (245, 250, 255), (40, 75, 65)),
)
# Per variant: sky from the top down, mountains, ground light and dark, sun.
_DRIVES: tuple[tuple[tuple[Colour, ...], Colour, Colour, Colour, Colour], ...] = (
    (((60, 130, 215), (190, 220, 240)), (90, 110, 150), (95, 160, 60), (75, 135, 48), (255, 250, 220)),
    (((50, 30, 80), (230, 110, 70), (255, 190, 100)), (70, 40, 70), (205, 145, 85), (185, 120, 66), (255, 210, 120)),
)


def snow(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """Snow in three depths over hills with firs, while the camera drifts sideways."""
    rng = np.random.default_rng(400 + variant)
    sky_colours, far, near, tree_colour = _WINTERS[variant % 2]
    sky = gradient(width, height, sky_colours, rng)
    layers = [height * (0.55 + 0.17 * k - 0.16 * ridge(width * 2, 2.0, rng)) for k in range(3)]
    trees = [np.sort(rng.uniform(0, 2 * width, 12 + 6 * k)) for k in range(3)]
    flakes = rng.uniform(0, 1, (420, 4))
    drift = 0.055 * width * (1, -1)[variant % 2]

    def paint(time: float) -> Image:
        canvas = sky.copy()
        for number, layer in enumerate(layers):
            offset = drift * time * (0.4 + 0.6 * number)
            outline = scroll(layer, offset, width)
            tall = height * (0.07 + 0.07 * number)
            shade = mix(tree_colour, far, 0.5 - 0.25 * number)
            for tree in trees[number]:
                x = (tree - offset + width / 2) % (2 * width) - width / 2
                _fir(canvas, x, float(outline[int(np.clip(x, 0, width - 1))]) + 0.1 * tall, tall, shade)
            below(canvas, outline, mix(far, near, number / 2))
        for x, y, depth, phase in flakes:
            fall = (y + time * (0.1 + 0.28 * depth)) % 1.0
            sway = 0.012 * sin(2 * time + 2 * pi * phase) - 0.6 * drift / width * time * depth
            disc(canvas, ((x + sway) % 1.0) * width, fall * 1.05 * height, 0.7 + 2.6 * depth**2, (250, 252, 255))
        return canvas

    return paint


def _fir(canvas: Image, x: float, y: float, tall: float, colour: Colour) -> None:
    for level in range(3):
        top, bottom = y - tall * (1 - 0.22 * level), y - tall * (0.52 - 0.24 * level)
        half = tall * (0.14 + 0.05 * level)
        polygon(canvas, [(x, top), (x + half, bottom), (x - half, bottom)], colour)


def road(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """A driver's view: the road bends, stripes rush past, mountains turn with the bend."""
    rng = np.random.default_rng(420 + variant)
    sky_colours, mountains, light, dark, sun = _DRIVES[variant % 2]
    horizon = round(0.5 * height)
    sky = gradient(width, horizon, sky_colours, rng)
    glow(sky, 0.7 * width, (0.25, 0.8)[variant % 2] * horizon, 0.16 * height, mix((0, 0, 0), sun, 0.4))
    disc(sky, 0.7 * width, (0.25, 0.8)[variant % 2] * horizon, 0.05 * height, sun)
    outline = horizon * (1.0 - 0.3 * ridge(width * 2, 1.5, rng))
    nearness = np.linspace(0.012, 1, height - horizon, dtype=np.float32)[:, None]
    distance, columns = 1 / nearness, np.arange(width, dtype=np.float32)[None, :]
    haze = np.clip(1 - nearness * 7, 0, 1)[:, :, None] * 0.85
    colours = {name: np.array(colour, dtype=np.float32) for name, colour in _ROAD_COLOURS.items()}
    earth, fog = np.array((dark, light), dtype=np.float32), np.array(sky_colours[-1], dtype=np.float32)
    tarmac = colours["tarmac"] + rng.normal(0, 5, (height - horizon, width, 1)).astype(np.float32)

    def stripes(length: float, time: float) -> Field:
        # Where stripes are finer than a row of pixels their mean is drawn, or the distance would flicker.
        wave = np.sin(2 * pi * (distance / length + 2.4 * time / length * 3))
        sharp = np.clip(0.5 + 6 * nearness * height * 0.05 * wave, 0, 1)
        return np.asarray(0.5 + (sharp - 0.5) * np.clip(nearness * 9, 0, 1), dtype=np.float32)

    def paint(time: float) -> Image:
        bend = 0.9 * sin(0.55 * time + 1.3 * variant)
        middle = width * (0.5 + 0.16 * bend * (1 - nearness) ** 2 * 2)
        side = np.abs(columns - middle) / (0.42 * width * nearness + 1)
        ground = earth[0] + (earth[1] - earth[0]) * stripes(4, time)[:, :, None]
        kerb = colours["white"] + (colours["red"] - colours["white"]) * stripes(1.6, time)[:, :, None]
        image = np.where((side < 1.12)[:, :, None], kerb, ground)
        image = np.where((side < 1.0)[:, :, None], tarmac, image)
        dash = (side < 0.035)[:, :, None] * stripes(2.4, time)[:, :, None]
        image = image + (colours["white"] - image) * dash
        canvas = np.concatenate([sky, to_image(image + (fog - image) * haze)])
        upper = canvas[:horizon]
        below(upper, scroll(outline, 0.12 * width * sin(0.55 * time) + width, width), mountains)
        return canvas

    return paint


_ROAD_COLOURS: dict[str, Colour] = {"tarmac": (78, 78, 84), "white": (235, 235, 230), "red": (200, 50, 45)}
