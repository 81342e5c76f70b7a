"""docs/architecture.svg: a run's stages in their order, and the rooms of the four packages in the order of imports.

just pages
"""

from collections.abc import Sequence

from tests.pages.drawing import Drawing, height_of, width_of, wrapped
from tests.pages.rooms import Room, layers, stages

FILE = "docs/architecture.svg"
_WIDTH, _EDGE, _GAP, _PAD = 1200, 24, 8, 9
_HEAD, _NAME, _TEXT = 17.0, 13.0, 11.0  # sizes of type
_ENDS = ("raw video", "shards")
_NESTED = {"training": "rooms of training", "captioning": "rooms of captioning"}


def draw() -> str:
    """The picture as SVG."""
    title = "The architecture of cutroom"
    run = ", ".join(stage.label for stage in stages())
    drawing = Drawing(_WIDTH, title, f"A run: {run}. Below: packages in layers; imports point down.")
    bottom = _run(drawing, _EDGE)
    bottom = _floors(drawing, bottom + 26)
    return drawing.svg(bottom + _EDGE)


def _run(drawing: Drawing, top: float) -> float:
    """The stages from left to right; returns where they end."""
    drawing.words(_EDGE, top, "One run: each stage reads tables and writes tables, part by part", _HEAD, bold=True)
    top += 34
    ends = max(width_of(text, _NAME) for text in _ENDS) + 6
    rooms, arrow = stages(), 20
    width = (_WIDTH - 2 * _EDGE - 2 * ends - (len(rooms) + 1) * arrow) / len(rooms)
    height = max(_height(room, width) for room in rooms)
    middle = top + height / 2
    drawing.words(_EDGE, middle - _NAME / 2, _ENDS[0], _NAME, bold=True)
    left = _EDGE + ends
    for room in rooms:
        drawing.arrow(left + 4, middle, left + arrow - 2)
        left += arrow
        _room(drawing, left, top, width, height, room, "stage")
        left += width
    drawing.arrow(left + 2, middle, left + arrow - 2)
    drawing.words(left + arrow + 2, middle - _NAME / 2, _ENDS[1], _NAME, bold=True)
    return top + height


def _floors(drawing: Drawing, top: float) -> float:
    """The layers of imports, highest first; packages with rooms of their own hold those."""
    drawing.words(_EDGE, top, "The packages: imports point down, never up and never in a cycle", _HEAD, bold=True)
    _badge(drawing, _WIDTH - _EDGE - 150, top + 2)
    drawing.words(_WIDTH - _EDGE - 112, top + 3, "imports Ray itself", _TEXT, "faint")
    top += 34
    for layer in layers("imports point down this list"):
        if {room.name for room in layer} & _NESTED.keys():
            top = _packages(drawing, top, layer)
        else:
            top = _layer(drawing, _EDGE, top, _WIDTH - 2 * _EDGE, layer)
    return top - _GAP


def _packages(drawing: Drawing, top: float, layer: Sequence[Room]) -> float:
    """Packages side by side, each a frame with its own layers in it."""
    inside = {room.name: layers(_NESTED[room.name]) for room in layer}
    whole = _WIDTH - 2 * _EDGE - (len(layer) - 1) * _GAP
    # As wide as the most rooms that stand side by side in it need.
    shares = {name: max(len(row) for row in rows) + 0.5 for name, rows in inside.items()}
    start, left, bottom = len(drawing.parts), float(_EDGE), top
    frames = []
    for room in layer:
        width = whole * shares[room.name] / sum(shares.values())
        drawing.words(left + _PAD, top + _PAD, room.label, _NAME, bold=True)
        end = drawing.paragraph(left + _PAD, top + _PAD + 20, width - 2 * _PAD, room.purpose, _TEXT) + _GAP
        for row in inside[room.name]:
            end = _layer(drawing, left + _PAD, end, width - 2 * _PAD, row)
        frames.append((left, width))
        bottom = max(bottom, end)
        left += width + _GAP
    written = drawing.parts[start:]
    del drawing.parts[start:]
    for left, width in frames:
        drawing.box(left, top, width, bottom - top, "frame")
    drawing.parts += written
    return bottom + _GAP


def _layer(drawing: Drawing, left: float, top: float, width: float, rooms: Sequence[Room]) -> float:
    each = (width - (len(rooms) - 1) * _GAP) / len(rooms)
    wide = all(_is_wide(room, each) for room in rooms)
    height = max(_height(room, each, wide) for room in rooms)
    for room in rooms:
        _room(drawing, left, top, each, height, room, room.name.partition(".")[0], wide)
        left += each + _GAP
    return top + height + _GAP


def _room(
    drawing: Drawing,
    left: float,
    top: float,
    width: float,
    height: float,
    room: Room,
    style: str,
    wide: bool = False,
) -> None:
    """A box; what it is for stands below its name, or beside it where it is wide."""
    drawing.box(left, top, width, height, style)
    drawing.words(left + _PAD, top + _PAD - 2, room.label, _NAME, bold=True)
    if room.uses_ray and style != "stage":
        _badge(drawing, left + width - 40, top + _PAD - 3)
    if wide:
        drawing.words(left + 130, top + _PAD, room.purpose, _TEXT, "faint")
    else:
        drawing.paragraph(left + _PAD, top + _PAD + 19, width - 2 * _PAD, room.purpose, _TEXT)


def _is_wide(room: Room, width: float) -> bool:
    """Whether what it is for finds room beside its name."""
    return width_of(room.purpose, _TEXT) < width - 180


def _height(room: Room, width: float, wide: bool = False) -> float:
    if wide:
        return 2 * _PAD + 14
    return 2 * _PAD + 19 + height_of(len(wrapped(room.purpose, width - 2 * _PAD, _TEXT)), _TEXT)


def _badge(drawing: Drawing, left: float, top: float) -> None:
    drawing.parts.append(f'<rect class="ray" x="{left:g}" y="{top:g}" width="32" height="16" rx="8"/>')
    drawing.words(left + 6, top + 2.5, "Ray", 10, "onray", bold=True)
