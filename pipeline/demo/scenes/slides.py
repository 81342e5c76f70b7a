"""Rendered lecture slides: almost static and full of text, which a training set should exclude.

The bucket has one such video, so that the filters have something to drop.

    python -m pipeline.demo.sheet generated/rendered/lecture-slides.mp4 sheet.png
"""

from collections.abc import Callable

import cv2
import numpy as np

from pipeline.demo.drawing import Image, disc, gradient

_SLIDES: tuple[tuple[str, ...], ...] = (
    ("1. Why clips are cut", "A clip holds one shot only", "Cuts inside a clip teach cuts", "Boundaries must be exact"),
    ("2. Why captions are dense", "Short captions hide motion", "Order of time matters", "Length has a budget"),
    (
        "3. Why scores come first",
        "Measure once, decide late",
        "Thresholds are cheap to change",
        "Every drop has a reason",
    ),
)


def slide(width: int, height: int, variant: int) -> Callable[[float], Image]:
    """A slide with a title and three points; only a small dot moves, like the hand of a clock."""
    rng = np.random.default_rng(700 + variant)
    page = gradient(width, height, ((250, 250, 252), (228, 232, 240)), rng)
    title, *points = _SLIDES[variant % len(_SLIDES)]
    scale, font = width / 640, cv2.FONT_HERSHEY_SIMPLEX
    cv2.rectangle(page, (0, 0), (width, round(0.2 * height)), (40, 70, 120), -1)
    cv2.putText(
        page, title, (round(30 * scale), round(0.13 * height)), font, 1.1 * scale, (255, 255, 255), 2, cv2.LINE_AA
    )
    for number, point in enumerate(points):
        row = round(height * (0.38 + 0.18 * number))
        disc(page, 44 * scale, row - 8 * scale, 5 * scale, (200, 80, 50))
        cv2.putText(page, point, (round(66 * scale), row), font, 0.85 * scale, (30, 35, 45), 2, cv2.LINE_AA)

    def paint(time: float) -> Image:
        canvas = page.copy()
        turn = 0.8 * time
        disc(canvas, width * 0.94 + 9 * np.cos(turn), height * 0.93 + 9 * np.sin(turn), 3, (120, 130, 150))
        return canvas

    return paint
