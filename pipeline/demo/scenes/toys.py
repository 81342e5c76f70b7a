"""Rendered scenes of round things: bouncing balls, and hot-air balloons.

python -m pipeline.demo.sheet generated/rendered/toys.mp4 sheet.png
"""

from collections.abc import Callable
from math import sin

import numpy as np

from pipeline.demo.drawing import Colour, Image, below, gradient, line, mix, polygon, ridge, scroll, shadow, sphere

# Per variant: wall and floor, and the balls.
_ROOMS: tuple[tuple[tuple[Colour, ...], tuple[Colour, ...], tuple[Colour, ...]], ...] = (
    (
        ((235, 225, 210), (200, 205, 225)),
        ((170, 150, 140), (120, 100, 100)),
        ((220, 50, 50), (40, 110, 210), (250, 190, 40), (60, 170, 90), (150, 70, 180)),
    ),
    (
        ((20, 24, 50), (60, 40, 90)),
        ((50, 60, 90), (15, 20, 40)),
        ((255, 120, 60), (80, 220, 220), (240, 240, 250), (250, 80, 160), (190, 230, 70)),
    ),
)
# Per variant: sky from the top down, far and near hills.
_MORNINGS: tuple[tuple[tuple[Colour, ...], Colour, Colour], ...] = (
    (((90, 150, 220), (190, 215, 235), (255, 225, 190)), (130, 160, 140), (70, 120, 60)),
    (((120, 90, 160), (240, 150, 140), (255, 220, 160)), (150, 110, 130), (90, 70, 60)),
)
_STRIPES: tuple[tuple[Colour, Colour], ...] = (
    ((220, 50, 60), (250, 225, 90)),
    ((50, 90, 190), (240, 240, 240)),
    ((240, 130, 40), (110, 50, 130)),
    ((40, 150, 120), (250, 210, 150)),
    ((230, 90, 160), (255, 235, 220)),
)


def balls(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """Shaded balls that bounce on a floor, each with its shadow, from wall to wall."""
    rng = np.random.default_rng(600 + variant)
    wall, floor, colours = _ROOMS[variant % 2]
    edge = round(0.66 * height)
    room = np.concatenate([gradient(width, edge, wall, rng), gradient(width, height - edge, floor, rng)])
    count = (7, 9)[variant % 2]
    short = min(width, height)
    throws = [
        (rng.uniform(0, 2), rng.uniform(0.1, 0.3), rng.uniform(0.7, 1.2), rng.uniform(0, 1)) for _ in range(count)
    ]

    def paint(time: float) -> Image:
        canvas = room.copy()
        spots = []
        for number, (start, speed, period, phase) in enumerate(throws):
            radius = short * (0.055 + 0.05 * (number % 3))
            depth = number / (count - 1)
            ground = height * (0.72 + 0.24 * depth)
            along = (start + speed * time) % 2.0
            x = radius + (width - 2 * radius) * (along if along < 1 else 2 - along)
            beat = (phase + time / period) % 1.0
            lift = 4 * beat * (1 - beat) * height * (0.12 + 0.36 * period)
            spots.append((x, ground, lift, radius, colours[number % len(colours)]))
        for x, ground, lift, radius, _ in spots:
            shadow(canvas, x, ground, radius * (1 + 0.5 * lift / height), 0.3, 0.55 * (1 - 0.6 * lift / height))
        for x, ground, lift, radius, colour in spots:
            sphere(canvas, (x, ground - radius - lift), radius, (colour, colour))
        return canvas

    return paint


def balloons(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """Striped hot-air balloons that rise and sway over hills."""
    rng = np.random.default_rng(620 + variant)
    sky_colours, far, near = _MORNINGS[variant % 2]
    sky = gradient(width, height, sky_colours, rng)
    layers = [height * (0.72 + 0.12 * k - 0.12 * ridge(width * 2, 1.9, rng)) for k in range(3)]
    count = 6
    positions = [
        ((k + 0.5 + rng.uniform(-0.25, 0.25)) / count, rng.uniform(0.1, 0.75), rng.uniform(0.5, 1))
        for k in range(count)
    ]
    drift = 0.03 * width * (1, -1)[variant % 2]

    def paint(time: float) -> Image:
        canvas = sky.copy()
        for number, layer in enumerate(layers):
            below(canvas, scroll(layer, drift * time * (0.3 + 0.4 * number), width), mix(far, near, number / 2))
        for number in sorted(range(count), key=lambda index: positions[index][2]):
            across, start, size = positions[number]
            radius = min(width, height) * 0.13 * size
            x = width * across - drift * time * size + 0.012 * width * sin(0.9 * time + 5 * start)
            y = height * (start + 0.12) - 0.055 * height * size * time
            _balloon(canvas, x, y, radius, _STRIPES[(number + 2 * variant) % len(_STRIPES)])
        return canvas

    return paint


def _balloon(canvas: Image, x: float, y: float, radius: float, colours: tuple[Colour, Colour]) -> None:
    neck, basket = y + 1.45 * radius, y + 1.75 * radius
    skirt = [(x - 0.87 * radius, y + 0.5 * radius), (x + 0.87 * radius, y + 0.5 * radius)]
    polygon(canvas, [*skirt, (x + 0.16 * radius, neck), (x - 0.16 * radius, neck)], mix(colours[0], (0, 0, 0), 0.45))
    sphere(canvas, (x, y), radius, colours, stripes=7, shine=0.15)
    for side in (-0.14, 0.14):
        line(canvas, (x + side * radius, neck), (x + side * radius, basket), (70, 50, 40))
    left, right, bottom = x - 0.17 * radius, x + 0.17 * radius, basket + 0.28 * radius
    polygon(canvas, [(left, basket), (right, basket), (right, bottom), (left, bottom)], (110, 75, 45))
