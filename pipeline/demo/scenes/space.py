"""Rendered scenes of space: a solar system seen from above its plane, and a flight through stars.

python -m pipeline.demo.sheet generated/rendered/space.mp4 sheet.png
"""

from collections.abc import Callable
from math import cos, hypot, pi, sin

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.demo.drawing import Colour, Image, glow, line, mix, noise, sphere, stars, to_image

_NEBULAE: tuple[Colour, ...] = ((70, 40, 110), (20, 80, 90))
_SUNS: tuple[Colour, ...] = ((255, 190, 80), (150, 190, 255))
# Per planet: distance (shares of half the width), radius (shares of the height), radians per second, colour.
_PLANETS: tuple[tuple[float, float, float, Colour], ...] = (
    (0.24, 0.026, 1.7, (200, 170, 140)),
    (0.38, 0.042, 1.15, (230, 160, 70)),
    (0.55, 0.046, 0.8, (70, 140, 230)),
    (0.72, 0.034, 0.6, (220, 90, 60)),
    (0.92, 0.075, 0.42, (220, 190, 140)),
)


def _sky(width: int, height: int, colour: Colour, rng: np.random.Generator) -> Image:
    cloud = np.maximum(noise(width, height, 1.6, rng) - 0.42, 0)[:, :, None] * 1.8
    canvas = to_image(np.array((6, 6, 14), dtype=np.float32) + cloud * np.array(colour, dtype=np.float32))
    stars(canvas, 35, rng)
    return canvas


def solar_system(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """Planets on tilted orbits, lit by their sun; the near half of each orbit passes in front of it."""
    rng = np.random.default_rng(100 + variant)
    sky, sun = _sky(width, height, _NEBULAE[variant % 2], rng), _SUNS[variant % 2]
    tilt, lean = (0.42, 0.0) if variant % 2 == 0 else (0.62, 0.35)
    middle, phases = (width / 2, height / 2), rng.uniform(0, 2 * pi, len(_PLANETS))
    reach = 0.5 * min(width, 1.7 * height)
    for distance, *_ in _PLANETS:
        axes = (round(distance * reach), round(distance * reach * tilt))
        cv2.ellipse(sky, (width // 2, height // 2), axes, lean * 180 / pi, 0, 360, (70, 75, 95), 1, cv2.LINE_AA)

    def paint(time: float) -> Image:
        canvas = sky.copy()
        glow(canvas, *middle, height * (0.2 + 0.006 * sin(5 * time)), mix((0, 0, 0), sun, 0.5))
        bodies = [(0.0, middle, 0.095 * height, sun, True)]
        for (distance, radius, speed, colour), phase in zip(_PLANETS, phases, strict=True):
            angle = phase + speed * time
            x, y = reach * distance * cos(angle), reach * distance * tilt * sin(angle)
            center = (middle[0] + x * cos(lean) - y * sin(lean), middle[1] + x * sin(lean) + y * cos(lean))
            # Nearer objects are larger and drawn later.
            bodies.append((sin(angle), center, radius * height * (1 + 0.25 * sin(angle)), colour, False))
        for _, (x, y), radius, colour, shines in sorted(bodies, key=lambda body: body[0]):
            away = hypot(x - middle[0], y - middle[1]) or 1.0
            light = (0.0, 0.0, 1.3) if shines else (0.9 * (middle[0] - x) / away, 0.9 * (middle[1] - y) / away, 0.35)
            sphere(canvas, (x, y), radius, (colour, colour), light, shine=0.3 if shines else 0.1)
        return canvas

    return paint


def starfield(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """A flight through stars that stream out of the centre; the second variant also rolls, over gold."""
    rng = np.random.default_rng(120 + variant)
    sky = (_sky(width, height, ((30, 60, 170), (170, 85, 30))[variant % 2], rng) * 0.9).astype(np.uint8)
    stars, depths = rng.uniform(-1, 1, (560, 2)) * 0.35 * width, rng.uniform(0, 1, 560)
    tints = rng.uniform(0.6, 1, (560, 3)) * ((1, 1.2, 1.4), (1.4, 1.1, 0.6))[variant % 2]
    roll, speed = (0.0, 0.28) if variant % 2 == 0 else (0.35, 0.2)

    def positions(depth: npt.NDArray[np.float64], time: float) -> list[tuple[float, float]]:
        x, y = stars.T / depth
        across = width / 2 + x * cos(roll * time) - y * sin(roll * time)
        down = height / 2 + x * sin(roll * time) + y * cos(roll * time)
        return list(zip(across.tolist(), down.tolist(), strict=True))

    def paint(time: float) -> Image:
        canvas = sky.copy()
        depth = np.maximum((depths - speed * time) % 1.0, 0.03)
        heads, tails = positions(depth, time), positions(depth + 0.04 * (1 - depth), time - 0.02)
        colours = to_image(255 * np.minimum(1, (1 - depth) * 1.6)[:, None] * tints).tolist()
        for head, tail, colour, near in zip(heads, tails, colours, (1 - depth).tolist(), strict=True):
            line(canvas, tail, head, colour, 1 + int(2.2 * near**2))
        return canvas

    return paint
