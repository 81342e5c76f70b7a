"""How good an edit is: whether its frames belong together, and whether they show what was asked for.

The measures of Tune-A-Video's paper (2212.11565, section 4.2), which takes CLIP for both. Without an image-text model
the first is computed with another image model and the second is left out; whoever shows them says by what.

    python -m pytest tests/training/editing/test_metrics.py
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Vectors = NDArray[np.float32]


class Looker(Protocol):
    """A model that knows when pictures look alike, and perhaps what they show."""

    name: str

    def look(self, frames: Pixels) -> Vectors:
        """Vectors [frames, D] of RGB frames uint8 [frames, height, width, 3]."""
        ...

    def read(self, texts: Sequence[str]) -> Vectors | None:
        """Vectors [texts, D] among those of pictures; None if it does not read."""
        ...


def frame_consistency(vectors: Vectors) -> float:
    """Mean cosine of all pairs of frames, -1 to 1; 1 for a single frame."""
    unit = _unit(vectors)
    if len(unit) < 2:
        return 1.0
    pairs = np.triu_indices(len(unit), 1)
    return float((unit @ unit.T)[pairs].mean())


def text_alignment(vectors: Vectors, text: NDArray[np.float32]) -> float:
    """Mean cosine of the frames [frames, D] and the prompt [D], -1 to 1."""
    return float((_unit(vectors) @ _unit(text[None])[0]).mean())


def psnr(found: Pixels, wanted: Pixels) -> float:
    """Peak signal-to-noise ratio in dB of two clips of 8-bit values; infinite where they are equal."""
    error = float(np.mean((found.astype(np.float64) - wanted) ** 2))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def _unit(vectors: Vectors) -> NDArray[np.float64]:
    exact = vectors.astype(np.float64)
    unit: NDArray[np.float64] = exact / np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), 1e-12)
    return unit
