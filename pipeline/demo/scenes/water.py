"""Rendered scenes of water: a sea under a low sun or moon, and an aquarium.

python -m pipeline.demo.sheet generated/rendered/sea-and-sky.mp4 sheet.png
"""

from collections.abc import Callable
from math import pi, sin

import numpy as np

from pipeline.demo.drawing import Colour, Field, Image, below, disc, glow, gradient, line, mix, polygon, ridge, to_image

# Per variant: sky from the top down, far and near water, the sun's or moon's colour.
_SEAS: tuple[tuple[tuple[Colour, ...], Colour, Colour, Colour], ...] = (
    (((40, 40, 95), (190, 80, 90), (255, 170, 80)), (215, 125, 85), (20, 30, 70), (255, 225, 150)),
    (((6, 10, 30), (20, 36, 80), (60, 90, 140)), (70, 100, 150), (5, 14, 36), (230, 235, 245)),
)
_TANKS: tuple[tuple[tuple[Colour, ...], tuple[Colour, ...]], ...] = (
    (((60, 170, 220), (15, 80, 150), (6, 30, 70)), ((255, 140, 40), (250, 220, 70), (240, 90, 110))),
    (((120, 210, 170), (30, 120, 100), (8, 50, 50)), ((90, 120, 250), (235, 235, 245), (230, 60, 160))),
)


def sea(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """Rows of waves under a sinking sun, or under a rising moon; its light glitters on the crests."""
    rng = np.random.default_rng(200 + variant)
    sky_colours, far, near, light = _SEAS[variant % 2]
    horizon, sun_x = 0.52 * height, width * (0.5, 0.68)[variant % 2]
    sky = gradient(width, height, (*sky_colours, sky_colours[-1]), rng)
    rows, phases = 26, rng.uniform(0, 2 * pi, (26, 3))
    sinking = (1, -1)[variant % 2]
    columns = np.linspace(0, width, 97, dtype=np.float32)
    sparks = rng.uniform(0, 1, (rows, 9, 3))

    def wave(row: int, time: float) -> Field:
        share = row / (rows - 1)
        length, swell = height * (0.05 + 0.5 * share**1.5), height * (0.002 + 0.022 * share)
        along = columns * np.float32(2 * pi / length)
        heave = np.sin(along * 0.37 + phases[row][0] + 1.1 * time) + 0.5 * np.sin(along - phases[row][1] - 1.7 * time)
        return np.asarray(horizon + (height - horizon) * share**1.7 + swell * heave, dtype=np.float32)

    def paint(time: float) -> Image:
        canvas = sky.copy()
        sun_y = horizon - height * (0.2 if sinking > 0 else 0.12) + sinking * 0.022 * height * time
        glow(canvas, sun_x, sun_y, 0.3 * height, mix((0, 0, 0), light, 0.35))
        disc(canvas, sun_x, sun_y, 0.075 * height, light)
        for row in range(rows):
            share = row / (rows - 1)
            outline = wave(row, time)
            colour = mix(far, near, share**0.7)
            below(canvas, outline, colour)
            for offset, pace, length in sparks[row]:
                twinkle = max(0.0, sin(2 * pi * (offset * 7 + time * (0.4 + pace))))
                x = sun_x + (offset - 0.5) * height * (0.16 + 0.5 * share) + 6 * sin(time + 9 * pace)
                y = float(np.interp(x, columns, outline)) + 2
                reach = height * (0.008 + 0.03 * length) * (0.5 + share)
                line(canvas, (x - reach, y), (x + reach, y), mix(colour, light, twinkle * (0.95 - 0.4 * share)), 2)
        return canvas

    return paint


def aquarium(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """Fish that swim past swaying weeds, rising bubbles, and shafts of light from above."""
    rng = np.random.default_rng(220 + variant)
    water_colours, fish_colours = _TANKS[variant % 2]
    water = gradient(width, height, water_colours, rng).astype(np.float32)
    shafts, fade = ridge(width * 2, 0.9, rng), np.linspace(1, 0, height, dtype=np.float32)[:, None] ** 1.5
    sand = height * (0.93 - 0.06 * ridge(width, 1.8, rng))
    fish = [(rng.uniform(0, 1), 0.12 + 0.66 * k / 8, rng.uniform(0.08, 0.16), k % 3) for k in range(9)]
    weeds, bubbles = rng.uniform(0, 1, (14, 3)), rng.uniform(0, 1, (36, 3))
    heading = (1, -1)[variant % 2]

    def paint(time: float) -> Image:
        light = np.interp(np.arange(width) + 14 * time, np.arange(2 * width), shafts, period=2 * width)
        canvas = to_image(water + (fade * light.astype(np.float32)[None, :] * 75)[:, :, None])
        for x, tall, phase in weeds:
            _weed(canvas, x * width, 0.95 * height, height * (0.15 + 0.3 * tall), time + 7 * phase)
        below(canvas, sand, mix((225, 200, 150), water_colours[1], 0.35))
        for offset, depth, pace, colour in fish:
            along = (offset + pace * time) % 1.0
            x = width * (1.3 * along - 0.15) if heading > 0 else width * (1.15 - 1.3 * along)
            y = height * depth + 0.015 * height * sin(2.2 * time + 9 * offset)
            _fish(canvas, (x, y), height * (0.05 + 0.045 * offset) * heading, fish_colours[colour], time + offset)
        for x, phase, pace in bubbles:
            y = height * (1 - (phase + (0.12 + 0.2 * pace) * time) % 1.0)
            disc(canvas, x * width + 5 * sin(3 * time + 20 * phase), y, 1.5 + 4 * pace, (210, 240, 250), 1)
        return canvas

    return paint


def _weed(canvas: Image, x: float, y: float, tall: float, time: float) -> None:
    share = np.linspace(0, 1, 14)
    sway = x + 0.18 * tall * share * np.sin(1.6 * time + 3 * share)
    rows, half = y - tall * share, 0.035 * tall * (1.1 - share)
    left, right = np.stack([sway - half, rows], axis=1), np.stack([sway + half, rows], axis=1)
    polygon(canvas, np.concatenate([left, right[::-1]]), (30, 110, 60))


def _fish(canvas: Image, position: tuple[float, float], length: float, colour: Colour, time: float) -> None:
    angles = np.linspace(0, 2 * pi, 40)
    body = np.stack([np.cos(angles) * length, np.sin(angles) * abs(length) * 0.45], axis=1)
    swing = 0.3 * abs(length) * sin(9 * time)
    tail = [(-0.8 * length, 0), (-1.5 * length, swing - 0.4 * abs(length)), (-1.5 * length, swing + 0.4 * abs(length))]
    polygon(canvas, np.array(tail) + position, mix(colour, (0, 0, 0), 0.25))
    polygon(canvas, body + position, colour)
    polygon(canvas, body * (0.75, 0.5) + position + (0, 0.12 * abs(length)), mix(colour, (255, 255, 255), 0.35))
    disc(canvas, position[0] + 0.62 * length, position[1] - 0.1 * abs(length), 0.13 * abs(length), (250, 250, 250))
    disc(canvas, position[0] + 0.66 * length, position[1] - 0.1 * abs(length), 0.07 * abs(length), (10, 10, 20))
