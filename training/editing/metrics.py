"""Metrics of an edit: frame consistency, and alignment with the prompt.

They are those of Tune-A-Video's paper (2212.11565, section 4.2), which uses CLIP for both. Without an image-text model
the first is computed with another image model and the second is left out; results are shown with the model's name.

    frame_consistency(embedder.embed_frames(frames))
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Vectors = NDArray[np.float32]


class FrameEmbedder(Protocol):
    """An image embedder, possibly with a text tower."""

    name: str

    def embed_frames(self, frames: Pixels) -> Vectors:
        """Embeddings [F, D] of RGB frames uint8 [F, H, W, 3]."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> Vectors | None:
        """Embeddings [B, D] of texts in the same space; None without a text tower."""
        ...


def frame_consistency(vectors: Vectors) -> float:
    """Mean cosine similarity of all pairs of frame embeddings [F, D], -1 to 1; 1 for a single frame."""
    unit = _unit(vectors)
    if len(unit) < 2:
        return 1.0
    pairs = np.triu_indices(len(unit), 1)
    return float((unit @ unit.T)[pairs].mean())


def text_alignment(vectors: Vectors, text: NDArray[np.float32]) -> float:
    """Mean cosine similarity of the frame embeddings [F, D] to the prompt's [D], -1 to 1."""
    return float((_unit(vectors) @ _unit(text[None])[0]).mean())


def psnr(clip: Pixels, reference: Pixels) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 clips [F, H, W, 3]; infinite if they are equal."""
    error = float(np.mean((clip.astype(np.float64) - reference) ** 2))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def _unit(vectors: Vectors) -> NDArray[np.float64]:
    exact = vectors.astype(np.float64)
    unit: NDArray[np.float64] = exact / np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), 1e-12)
    return unit
