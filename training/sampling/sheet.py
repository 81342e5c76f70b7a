"""The contact sheet: one image with a row of frames per prompt, and the prompt below each row.

The title and sentences on the model (what it is, and what may be expected of it) are above the rows.

    image = contact_sheet("codec: linear", [("a cat", clip)])      # uint8 [H, W, 3]
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
    """RGB image uint8 [H, W, 3] with rows of (caption, clip uint8 [F, H, W, 3]) under a title.

    `about` are sentences on the model, shown in full below the title. Shows at most six evenly spaced frames of a clip,
    including the first and the last. Captions take at most two lines.
    """
    strips = [_strip(clip) for _, clip in rows]
    width = max([strip.width for strip in strips], default=0)
    width = max(width, 3 * _WIDTH) + 2 * _MARGIN
    font = ImageFont.load_default(_LETTERS)
    line = _LETTERS + 5
    head = wrap(title, font, width - 2 * _MARGIN)
    note = [line for text in about for line in wrap(text, font, width - 2 * _MARGIN, max_lines=_ABOUT_LINES)]
    height = (
        _MARGIN + (len(head) + len(note)) * line + sum(strip.height + _LINES * line + 2 * _MARGIN for strip in strips)
    )
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = _write(draw, head, _MARGIN, font)
    top = _write(draw, note, top, font, _SOFT)
    for (caption, _), strip in zip(rows, strips, strict=True):
        sheet.paste(strip, (_MARGIN, top + _MARGIN // 2))
        _write(draw, wrap(caption, font, width - 2 * _MARGIN), top + strip.height + _MARGIN, font)
        top += strip.height + _LINES * line + 2 * _MARGIN
    return np.asarray(sheet, dtype=np.uint8)


def sheet_frames(frames: int) -> list[int]:
    """Indices of the frames of a clip that are shown."""
    return sorted({round(index) for index in np.linspace(0, frames - 1, min(frames, COLUMNS))})


def wrap(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int, max_lines: int = _LINES
) -> list[str]:
    """The text in at most `max_lines` lines of `width` pixels; truncated text ends in three dots."""
    lines = [""]
    for word in " ".join(text.split()).split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if not lines[-1] or font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    kept = lines[:max_lines]
    if len(lines) > max_lines:
        kept[-1] += "..."
    for number, kept_line in enumerate(kept):
        if font.getlength(kept_line) > width:  # a single long word, or the dots
            word = kept_line.removesuffix("...")
            fitting = bisect_right(range(len(word)), width, key=lambda end: ceil(font.getlength(f"{word[:end]}...")))
            kept_line = f"{word[: max(1, fitting - 1)]}..."
        kept[number] = kept_line
    return kept


def _strip(clip: Pixels) -> Image.Image:
    frames = [Image.fromarray(clip[index]) for index in sheet_frames(len(clip))]
    height = max(1, round(_WIDTH * frames[0].height / frames[0].width))
    strip = Image.new("RGB", (len(frames) * (_WIDTH + 4) - 4, height), _PAPER)
    for column, frame in enumerate(frames):
        strip.paste(frame.resize((_WIDTH, height), Image.Resampling.BICUBIC), (column * (_WIDTH + 4), 0))
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
