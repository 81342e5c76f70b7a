"""One picture that shows all samples: a row per prompt, frames from left to right, the prompt below.

Above them stand a title and what is said of the model: what it is, and what may be expected of it.

python -m pytest tests/training/sampling/test_sheet.py
"""

from bisect import bisect_right
from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]

COLUMNS = 6
_WIDTH = 192  # of one frame
_LETTERS, _MARGIN, _LINES = 15, 10, 2
_ABOUT_LINES = 8
_PAPER, _INK, _SOFT = (255, 255, 255), (30, 30, 30), (110, 110, 110)


def contact_sheet(title: str, rows: Sequence[tuple[str, Pixels]], about: Sequence[str] = ()) -> Pixels:
    """RGB uint8 [height, width, 3] of (caption, clip [frames, height, width, 3]) rows under a title.

    `about` are sentences on the model, below the title in full.

    Shows at most six frames of a clip, evenly spaced, the first and the last among them. Captions take two lines at
    most.
    """
    strips = [_strip(clip) for _, clip in rows]
    width = max([strip.width for strip in strips], default=0)
    width = max(width, 3 * _WIDTH) + 2 * _MARGIN
    font = ImageFont.load_default(_LETTERS)
    line = _LETTERS + 5
    head = wrap(title, font, width - 2 * _MARGIN)
    said = [line for text in about for line in wrap(text, font, width - 2 * _MARGIN, most=_ABOUT_LINES)]
    height = (
        _MARGIN + (len(head) + len(said)) * line + sum(strip.height + _LINES * line + 2 * _MARGIN for strip in strips)
    )
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = _write(draw, head, _MARGIN, font)
    top = _write(draw, said, top, font, _SOFT)
    for (caption, _), strip in zip(rows, strips, strict=True):
        sheet.paste(strip, (_MARGIN, top + _MARGIN // 2))
        _write(draw, wrap(caption, font, width - 2 * _MARGIN), top + strip.height + _MARGIN, font)
        top += strip.height + _LINES * line + 2 * _MARGIN
    return np.asarray(sheet, dtype=np.uint8)


def shown(frames: int) -> list[int]:
    """Which frames of a clip are shown."""
    return sorted({round(place) for place in np.linspace(0, frames - 1, min(frames, COLUMNS))})


def wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int, most: int = _LINES) -> list[str]:
    """The text in lines of at most `width` pixels, `most` of them; what is cut off ends in three dots."""
    lines = [""]
    for word in " ".join(text.split()).split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if not lines[-1] or font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    kept = lines[:most]
    if len(lines) > most:
        kept[-1] += "..."
    for place, one in enumerate(kept):
        if font.getlength(one) > width:  # one long word, or the dots
            word = one.removesuffix("...")
            fitting = bisect_right(range(len(word)), width, key=lambda end: ceil(font.getlength(f"{word[:end]}...")))
            one = f"{word[: max(1, fitting - 1)]}..."
        kept[place] = one
    return kept


def _strip(clip: Pixels) -> Image.Image:
    frames = [Image.fromarray(clip[place]) for place in shown(len(clip))]
    height = max(1, round(_WIDTH * frames[0].height / frames[0].width))
    strip = Image.new("RGB", (len(frames) * (_WIDTH + 4) - 4, height), _PAPER)
    for place, frame in enumerate(frames):
        strip.paste(frame.resize((_WIDTH, height), Image.Resampling.BICUBIC), (place * (_WIDTH + 4), 0))
    return strip


def _write(
    draw: ImageDraw.ImageDraw,
    lines: Sequence[str],
    top: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    ink: tuple[int, int, int] = _INK,
) -> int:
    for line in lines:
        draw.text((_MARGIN, top), line, fill=ink, font=font)
        top += _LETTERS + 5
    return top
