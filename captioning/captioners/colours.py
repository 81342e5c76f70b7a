"""Names the colours and tones of an image: the dominant colours, where they are, brightness and contrast.

Pixels are matched to a small palette of named colours in CIELAB, where distances follow perception. Chroma is weighted
higher than lightness, because a shadow on a green meadow is still called green.

    python -m captioning.captioners.colours image.jpg      # print the colours, their shares, and the tones
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.errors import MediaError

SIDE = 96
LIGHTNESS_WEIGHT = 0.6
# An image looks colourless if its mean chroma (CIELAB units) is low and hardly any pixel is vivid.
MONOCHROME_MEAN, VIVID_CHROMA, VIVID_SHARE = 4.0, 20.0, 0.002

# Several palette colours may share a name: the regions of colour space that people call brown or green are not round.
PALETTE: tuple[tuple[str, str], ...] = (
    ("black", "#080808"),
    ("black", "#1a1a1a"),
    ("dark grey", "#404040"),
    ("grey", "#808080"),
    ("light grey", "#bcbcbc"),
    ("white", "#f5f5f5"),
    ("red", "#d02020"),
    ("red", "#b03040"),
    ("red", "#ff1010"),
    ("dark red", "#701818"),
    ("pink", "#f0a0b4"),
    ("pink", "#e8c8d4"),
    ("pink", "#e060a0"),
    ("orange", "#f08020"),
    ("brown", "#6b4426"),
    ("brown", "#8c6648"),
    ("dark brown", "#382418"),
    ("beige", "#d2bd9c"),
    ("beige", "#b39b7d"),
    ("cream", "#f2e8d2"),
    ("yellow", "#eed030"),
    ("yellow", "#f8f810"),
    ("orange", "#d89010"),
    ("olive green", "#6e6c30"),
    ("green", "#3f8f3f"),
    ("green", "#6aa84f"),
    ("green", "#20e020"),
    ("dark green", "#1f3d22"),
    ("light green", "#a8d890"),
    ("teal", "#1f7f80"),
    ("turquoise", "#50c8c8"),
    ("turquoise", "#10f0f0"),
    ("light blue", "#a6cbe8"),
    ("blue", "#3878c8"),
    ("blue", "#2040c0"),
    ("blue", "#0000ff"),
    ("blue", "#5f86ad"),
    ("dark blue", "#162448"),
    ("dark blue", "#000058"),
    ("dark blue", "#2a3a52"),
    ("grey blue", "#5c6f84"),
    ("grey green", "#56706a"),
    ("dark green", "#3a4a38"),
    ("purple", "#7840a0"),
    ("magenta", "#f020f0"),
    ("lilac", "#b49cd2"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """The appearance of an image: colour names with their shares (0 to 1, largest first), and its tones.

    `above` and `below` are the main colours of the upper and lower third, `centre` and `around` those of the inner
    half and the border. `brightness` is the mean luma, 0 to 1; `contrast` is its standard deviation, 0 to 0.5.
    """

    colours: tuple[tuple[str, float], ...]
    above: tuple[str, float]
    below: tuple[str, float]
    centre: tuple[str, float]
    around: tuple[str, float]
    monochrome: bool
    brightness: float
    contrast: float


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)


_HEX = np.array([[int(text[at : at + 2], 16) for at in (1, 3, 5)] for _, text in PALETTE], dtype=np.uint8)
_WEIGHTS = np.array([LIGHTNESS_WEIGHT, 1.0, 1.0], dtype=np.float32)
_ANCHORS = _lab(_HEX[None])[0] * _WEIGHTS
_NAMES = tuple(dict.fromkeys(name for name, _ in PALETTE))
_NAME_OF_ANCHOR = np.array([_NAMES.index(name) for name, _ in PALETTE])


def measure_appearance(jpeg: bytes) -> Appearance:
    """Decode an image (JPEG, PNG) and name its colours and tones. Raises `MediaError` if it cannot be decoded."""
    try:
        pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise MediaError(f"the still's {len(jpeg)} bytes are not an image that can be decoded; extract it again")
    small = np.asarray(cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    lab = _lab(small)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    distances = np.linalg.norm(lab[:, :, None] * _WEIGHTS - _ANCHORS, axis=3)
    named = _NAME_OF_ANCHOR[distances.argmin(axis=2)]
    luma = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.float32) / 255
    third, inner = SIDE // 3, slice(SIDE // 4, SIDE - SIDE // 4)
    border = np.ones((SIDE, SIDE), dtype=bool)
    border[inner, inner] = False
    return Appearance(
        colours=_shares(named),
        above=_shares(named[:third])[0],
        below=_shares(named[-third:])[0],
        centre=_shares(named[inner, inner])[0],
        around=_shares(named[border])[0],
        monochrome=bool(chroma.mean() < MONOCHROME_MEAN and (chroma > VIVID_CHROMA).mean() < VIVID_SHARE),
        brightness=float(luma.mean()),
        contrast=float(luma.std()),
    )


def _shares(named: NDArray[np.int_]) -> tuple[tuple[str, float], ...]:
    counts = np.bincount(named.ravel(), minlength=len(_NAMES))
    order = np.argsort(-counts, kind="stable")
    return tuple((_NAMES[index], float(counts[index] / named.size)) for index in order if counts[index])


def main() -> None:
    """Print the appearance of the image files named on the command line."""
    for path in sys.argv[1:]:
        print(path, measure_appearance(Path(path).read_bytes()))


if __name__ == "__main__":
    main()
