"""Rendered scenes of a city at night: a passing skyline in rain, and fireworks over roofs.

python -m pipeline.demo.sheet generated/rendered/winter-and-night.mp4 sheet.png
"""

from collections.abc import Callable
from math import cos, exp, pi, sin

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.demo.drawing import Colour, Image, disc, glow, gradient, line, mix

# Per variant: sky from the top down, building colour far away and near, window light.
_CITIES: tuple[tuple[tuple[Colour, ...], Colour, Colour, Colour], ...] = (
    (((10, 12, 30), (30, 36, 70), (70, 60, 95)), (48, 52, 86), (14, 16, 28), (255, 210, 120)),
    (((60, 40, 110), (240, 120, 110), (255, 200, 140)), (170, 90, 110), (45, 25, 55), (255, 240, 190)),
)
_BURSTS: tuple[tuple[Colour, ...], ...] = (
    ((255, 110, 80), (255, 210, 90), (120, 190, 255), (240, 120, 255)),
    ((120, 255, 160), (255, 255, 255), (255, 90, 120), (90, 230, 255)),
)


def _street(size: tuple[int, int], breadth: float, colours: tuple[Colour, Colour], rng: np.random.Generator) -> Image:
    """A strip of buildings, `breadth` pixels broad on average, with lit windows; black shows the sky through."""
    width, height = size
    strip = np.zeros((height, width, 3), dtype=np.uint8)
    x = 0
    while x < width:
        broad = int(rng.uniform(0.6, 1.4) * breadth)
        top = int(height * rng.uniform(0, 0.55))
        strip[top:, x : min(x + broad, width)] = mix(colours[0], (1, 1, 1), rng.uniform(0, 0.25))
        step = max(5, int(0.24 * breadth))
        for row in range(top + step, height, step):
            for column in range(x + step, min(x + broad, width) - step, step):
                if rng.uniform() < 0.35:
                    lamp = mix(colours[0], colours[1], rng.uniform(0.4, 1))
                    strip[row : row + step // 2, column : column + step // 2] = lamp
        x += broad + int(rng.uniform(0, 0.4) * broad)
    return strip


def _slide(canvas: Image, strip: Image, offset: float) -> None:
    shift = np.array([[1, 0, offset % strip.shape[1]], [0, 1, 0]], dtype=np.float64)
    size, flags = (canvas.shape[1], strip.shape[0]), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(strip, shift, size, flags=flags, borderMode=cv2.BORDER_WRAP)
    cv2.copyTo(moved, cv2.inRange(moved, (1, 1, 1), (255, 255, 255)), canvas[-strip.shape[0] :])


def skyline(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """Three streets that pass with parallax: in the rain at night, or at dusk with birds."""
    rng = np.random.default_rng(500 + variant)
    sky_colours, far, near, lamp = _CITIES[variant % 2]
    sky = gradient(width, height, sky_colours, rng)
    glow(sky, 0.75 * width, 0.22 * height, 0.13 * height, mix((0, 0, 0), lamp, 0.4))
    disc(sky, 0.75 * width, 0.22 * height, 0.06 * height, mix(lamp, (255, 255, 255), 0.5))
    streets = [
        _street((width * 2, round(tall * height)), (0.09 + 0.05 * k) * height, (mix(far, near, k / 2), lamp), rng)
        for k, tall in enumerate((0.72, 0.55, 0.34))
    ]
    drops, speed = rng.uniform(0, 1, (170, 3)), 0.05 * width * (1, -1)[variant % 2]

    def paint(time: float) -> Image:
        canvas = sky.copy()
        for number, street in enumerate(streets):
            _slide(canvas, street, speed * time * (0.5 + number))
        if variant % 2 == 0:
            for x, y, near_by in drops:
                fall = (y + (1.1 + 0.9 * near_by) * time) % 1.0
                left, top, long = (
                    ((x - 0.08 * fall) % 1.0) * width,
                    fall * 1.1 * height,
                    height * (0.02 + 0.04 * near_by),
                )
                line(canvas, (left, top), (left - 0.12 * long, top + long), (120, 130, 165))
        else:
            _birds(canvas, drops[:14], time)
        return canvas

    return paint


def _birds(canvas: Image, birds: npt.NDArray[np.float64], time: float) -> None:
    height, width = canvas.shape[:2]
    for x, y, phase in birds:
        left, top = (
            ((x + 0.09 * time) % 1.1 - 0.05) * width,
            height * (0.08 + 0.3 * y + 0.01 * sin(2 * time + 9 * phase)),
        )
        span, beat = height * (0.016 + 0.012 * phase), sin(9 * time + 20 * phase)
        for side in (-1, 1):
            line(canvas, (left, top), (left + side * span, top - 0.7 * span * beat), (40, 20, 45), 2)


def fireworks(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """Rockets burst every half second; sparks fall and fade over the roofs, and light the sky."""
    rng = np.random.default_rng(520 + variant)
    night = gradient(width, height, ((6, 6, 20), (16, 14, 40), (44, 30, 60)), rng)
    roofs = _street((width, round(0.24 * height)), 0.1 * height, ((14, 12, 24), (255, 200, 110)), rng)
    roof_mask = cv2.inRange(roofs, (1, 1, 1), (255, 255, 255))
    bursts = rng.uniform(0, 1, (24, 3))
    sparks = [
        (angle, 0.45 + 0.55 * pace)
        for angle, pace in zip(rng.uniform(0, 2 * pi, 110), rng.uniform(0, 1, 110), strict=True)
    ]
    life, palette = 1.9, _BURSTS[variant % 2]

    def burst(canvas: Image, number: int, age: float) -> None:
        across, up, size = bursts[number % len(bursts)]
        x, y = width * (0.15 + 0.7 * across), height * (0.15 + 0.35 * up)
        colour, left = palette[number % len(palette)], 1 - age / life
        if age < 0.8:  # after that the flash is too faint to be seen
            glow(canvas, x, y, 0.22 * height * (1 + age), mix((0, 0, 0), colour, 0.35 * exp(-3 * age)))
        reach = height * (0.2 + 0.2 * size)
        for angle, pace in sparks:
            trail = []
            for moment in (max(0.0, age - 0.16), age):
                spread = reach * pace * (1 - exp(-2.6 * moment))
                trail.append((x + spread * cos(angle), y + spread * sin(angle) + 0.075 * height * moment**2))
            line(
                canvas, trail[0], trail[1], mix((20, 16, 40), mix(colour, (255, 255, 255), 0.5 * left**3), left**0.8), 2
            )

    def paint(time: float) -> Image:
        canvas = night.copy()
        clock = time + 1.0  # the first bursts are already open when the shot begins
        for number in range(int(max(0.0, clock - life) / 0.5), int(clock / 0.5) + 1):
            age = clock - 0.5 * number
            if 0 <= age < life:
                burst(canvas, number, age)
        halo = cv2.GaussianBlur(cv2.resize(canvas, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), (0, 0), 3)
        canvas = np.asarray(cv2.addWeighted(canvas, 1.0, cv2.resize(halo, (width, height)), 0.5, 0), dtype=np.uint8)
        cv2.copyTo(roofs, roof_mask, canvas[-roofs.shape[0] :])
        return canvas

    return paint
