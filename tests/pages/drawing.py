"""Boxes with wrapped words as SVG, readable on light and on dark paper.

Colours are classes of one style sheet, which has a second set for readers whose system is dark. Widths of words are
estimated on the generous side, as no browser is asked.
"""

from dataclasses import dataclass, field
from html import escape

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_EM = 0.56  # mean width of a character in ems
_LEADING = 1.35  # height of a line in ems
_LIGHT = {
    "paper": "fill:#ffffff", "ink": "fill:#1f2328", "faint": "fill:#59636e", "line": "stroke:#8c959f;fill:none",
    "arrow": "fill:#8c959f", "stage": "fill:#ddf4ff;stroke:#54aeff", "pipeline": "fill:#eaf3ff;stroke:#80b3ff",
    "training": "fill:#fff3e0;stroke:#e8a33d", "captioning": "fill:#f3e8ff;stroke:#b083f0",
    "schemas": "fill:#e6f6ea;stroke:#5cb377", "cutroom": "fill:#ffebe9;stroke:#e0787b",
    "frame": "fill:#f6f8fa;stroke:#d0d7de", "ray": "fill:#0b63c9",
    "onray": "fill:#ffffff",
}  # fmt: skip
_DARK = {
    "paper": "fill:#0d1117", "ink": "fill:#e6edf3", "faint": "fill:#9198a1", "line": "stroke:#6e7681;fill:none",
    "arrow": "fill:#6e7681", "stage": "fill:#0c2d4a;stroke:#2f81f7", "pipeline": "fill:#13233a;stroke:#316dca",
    "training": "fill:#3a2a10;stroke:#b0781f", "captioning": "fill:#2b1d44;stroke:#8957e5",
    "schemas": "fill:#12301c;stroke:#347d39", "cutroom": "fill:#3c1618;stroke:#b3484c",
    "frame": "fill:#151b23;stroke:#3d444d", "ray": "fill:#58a6ff",
    "onray": "fill:#0d1117",
}  # fmt: skip


def wrapped(text: str, width: float, size: float) -> list[str]:
    """The lines of a text in a width, both in pixels."""
    lines, most = [""], width / (size * _EM)
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def height_of(lines: int, size: float) -> float:
    """Pixels that so many lines take."""
    return lines * size * _LEADING


def width_of(text: str, size: float) -> float:
    """Pixels that a text takes in one line."""
    return len(text) * size * _EM


@dataclass(slots=True)
class Drawing:
    """A picture that grows; `svg` is the whole of it. Positions and sizes are pixels from the top left."""

    width: int
    title: str
    description: str
    parts: list[str] = field(default_factory=list)

    def box(self, left: float, top: float, width: float, height: float, style: str) -> None:
        """A rounded box."""
        self.parts.append(
            f'<rect class="{style}" x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="6"/>'
        )

    def words(self, left: float, top: float, text: str, size: float, style: str = "ink", bold: bool = False) -> None:
        """One line, its top left corner given."""
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text class="{style}" x="{left:g}" y="{top + size:g}" font-size="{size:g}"{weight}>{escape(text)}</text>'
        )

    def paragraph(self, left: float, top: float, width: float, text: str, size: float, style: str = "faint") -> float:
        """Wrapped lines; returns where they end."""
        lines = wrapped(text, width, size)
        for index, line in enumerate(lines):
            self.words(left, top + height_of(index, size), line, size, style)
        return top + height_of(len(lines), size)

    def arrow(self, left: float, top: float, right: float) -> None:
        """From left to right."""
        self.parts.append(f'<path class="line" d="M{left:g} {top:g}H{right - 5:g}" stroke-width="1.5"/>')
        self.parts.append(f'<path class="arrow" d="M{right:g} {top:g}l-7 -4v8z"/>')

    def svg(self, height: float) -> str:
        """The picture as a file."""
        rules = "".join(f".{name}{{{rule}}}" for name, rule in _LIGHT.items())
        dark = "".join(f".{name}{{{rule}}}" for name, rule in _DARK.items())
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {height:g}" width="{self.width}" '
                f'height="{height:g}" font-family="{FONT}" role="img" aria-labelledby="title description">',
                f'<title id="title">{escape(self.title)}</title>',
                f'<desc id="description">{escape(self.description)}</desc>',
                f"<style>{rules}@media (prefers-color-scheme:dark){{{dark}}}</style>",
                f'<rect class="paper" width="{self.width}" height="{height:g}"/>',
                *self.parts,
                "</svg>\n",
            ]
        )
