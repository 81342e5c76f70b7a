"""Drawing functions shared by the rendered scenes: gradients, cloud noise, hills, spheres, glows, smooth polygons.

All take sub-pixel positions, so that slow motion is smooth, and all randomness comes from a seeded generator, so that a
scene has the same pixels each time. Canvases are uint8 RGB [H, W, 3]; colours are RGB levels of 0 to 255.

    python -m pipeline.demo.sheet generated/rendered/space.mp4 sheet.png
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]
Colour = tuple[int, int, int]

_SHIFT = 4  # OpenCV takes sub-pixel coordinates as integers of 1/16 pixel


def gradient(width: int, height: int, colours: Sequence[Colour], rng: np.random.Generator) -> Image:
    """A vertical gradient through the colours, [H, W, 3], dithered against banding by 8 bits or the encoder."""
    stops = np.linspace(0, 1, len(colours))
    rows = np.linspace(0, 1, height)
    column = np.stack([np.interp(rows, stops, [colour[k] for colour in colours]) for k in range(3)], axis=1)
    return to_image(column[:, None, :] + rng.uniform(-1.5, 1.5, (height, width, 1)))


def to_image(values: npt.NDArray[np.floating]) -> Image:
    """Round and clip to uint8."""
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Linear interpolation: the colour at `share` (0 to 1) between the first and the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def noise(width: int, height: int, steepness: float, rng: np.random.Generator) -> Field:
    """Cloud-like noise [H, W] in 0..1 that tiles in both directions; a steeper spectrum gives larger, softer clouds."""
    spectrum = np.fft.rfft2(rng.standard_normal((height, width)))
    across, down = np.fft.rfftfreq(width)[None, :] * width, np.fft.fftfreq(height)[:, None] * height
    spectrum *= np.maximum(np.hypot(across, down), 1.0) ** -steepness
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=(height, width))
    return np.asarray(np.clip(field / (4 * field.std()) + 0.5, 0, 1), dtype=np.float32)


def ridge(width: int, steepness: float, rng: np.random.Generator) -> Field:
    """The outline [W] of a range of hills in 0..1, one height per column, that tiles."""
    spectrum = np.fft.rfft(rng.standard_normal(width))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** -steepness
    spectrum[0] = 0
    line = np.fft.irfft(spectrum, n=width)
    return np.asarray((line - line.min()) / (line.max() - line.min()), dtype=np.float32)


def scroll(line: Field, offset: float, width: int) -> Field:
    """`width` values of a tiling outline, starting at a fractional column."""
    columns = np.arange(width) + offset
    return np.asarray(np.interp(columns, np.arange(len(line)), line, period=len(line)), dtype=np.float32)


def below(canvas: Image, outline: Field, colour: Colour) -> None:
    """Fill everything below the outline (one row number per column)."""
    height, width = canvas.shape[:2]
    columns = np.arange(len(outline)) * (width / max(len(outline) - 1, 1))
    corners = [(width, height), (0, height)]
    polygon(canvas, np.concatenate([np.stack([columns, outline], axis=1), corners]), colour)


def polygon(canvas: Image, points: npt.ArrayLike, colour: Colour) -> None:
    """Fill an anti-aliased polygon."""
    corners = np.round(np.asarray(points, dtype=np.float64) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(canvas, [corners], colour, cv2.LINE_AA, _SHIFT)


def line(canvas: Image, start: tuple[float, float], end: tuple[float, float], colour: Colour, width: int = 1) -> None:
    """An anti-aliased line between two sub-pixel points."""
    scale = 1 << _SHIFT
    first, last = (round(start[0] * scale), round(start[1] * scale)), (round(end[0] * scale), round(end[1] * scale))
    cv2.line(canvas, first, last, colour, width, cv2.LINE_AA, _SHIFT)


def disc(canvas: Image, x: float, y: float, radius: float, colour: Colour, outline: int = -1) -> None:
    """An anti-aliased disc, or a ring if `outline` gives a line width."""
    scale = 1 << _SHIFT
    centre = (round(x * scale), round(y * scale))
    cv2.circle(canvas, centre, round(radius * scale), colour, outline, cv2.LINE_AA, _SHIFT)


def stars(canvas: Image, spacing: int, rng: np.random.Generator) -> None:
    """Scatter stars, one per `spacing` x `spacing` pixels."""
    height, width = canvas.shape[:2]
    for _ in range(width * height // spacing**2):
        brightness = int(rng.uniform(60, 230))
        disc(canvas, rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.4, 1.2), (brightness,) * 3)


def window(canvas: Image, x: float, y: float, reach: float) -> tuple[Image, Field, Field]:
    """A view of the canvas within `reach` of a point, with each pixel's offsets from the point."""
    height, width = canvas.shape[:2]
    left, right = max(0, int(x - reach)), min(width, int(x + reach) + 2)
    top, bottom = max(0, int(y - reach)), min(height, int(y + reach) + 2)
    across = np.arange(left, max(left, right), dtype=np.float32)[None, :] - np.float32(x)
    down = np.arange(top, max(top, bottom), dtype=np.float32)[:, None] - np.float32(y)
    return canvas[top : max(top, bottom), left : max(left, right)], across, down


def glow(canvas: Image, x: float, y: float, radius: float, colour: Colour) -> None:
    """Add light that fades with distance; at `radius` 1/e of it remains."""
    part, across, down = window(canvas, x, y, 2.5 * radius)
    light = _bell(across, radius) * _bell(down, radius)
    part[:] = cv2.add(part, (light[:, :, None] * np.array(colour, dtype=np.float32)).astype(np.uint8))


def shadow(canvas: Image, x: float, y: float, radius: float, flatness: float, strength: float) -> None:
    """Darken a soft ellipse, `flatness` times as high as wide."""
    part, across, down = window(canvas, x, y, 2 * radius)
    shade = np.float32(strength) * _bell(across, radius) * _bell(down, radius * flatness)
    part[:] = (part * (1 - shade)[:, :, None]).astype(np.uint8)


def _bell(offsets: Field, radius: float) -> Field:
    return np.asarray(np.exp(-((offsets / np.float32(radius)) ** 2)), dtype=np.float32)


def sphere(
    canvas: Image,
    centre: tuple[float, float],
    radius: float,
    colours: tuple[Colour, Colour],
    light: tuple[float, float, float] = (-0.45, -0.6, 0.66),
    stripes: int = 0,
    shine: float = 0.6,
) -> None:
    """A lit ball; with `stripes`, that many meridians alternate between two colours."""
    part, across, down = window(canvas, *centre, radius + 1)
    x, y = across / np.float32(radius), down / np.float32(radius)
    squared = x**2 + y**2
    z = np.sqrt(np.maximum(1 - squared, 0))
    facing = np.maximum(x * np.float32(light[0]) + y * np.float32(light[1]) + z * np.float32(light[2]), 0)
    highlight = np.float32(255 * shine) * np.square(np.square(np.square(facing))) ** 3
    paint = np.broadcast_to(np.array(colours[0], dtype=np.float32), (*squared.shape, 3))
    if stripes:
        longitude = np.arctan2(x, z + np.float32(1e-3))
        paint = np.where(np.sin(longitude * stripes)[:, :, None] > 0, paint, np.array(colours[1], dtype=np.float32))
    lit = paint * (0.25 + 0.8 * facing)[:, :, None] + highlight[:, :, None]
    coverage = np.clip((1 - np.sqrt(squared)) * np.float32(radius) + 0.5, 0, 1)[:, :, None]
    part[:] = to_image(part + (np.minimum(lit, 255) - part) * coverage)
