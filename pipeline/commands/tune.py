"""`just tune` with the pipeline's embedders: CLIP if its weights are given, EfficientNet-lite0 otherwise.

`training` cannot import scorers, so the embedder of its metrics is passed in here (`training.commands.tune`).

    just tune video.mp4 "a man skis" --model models/stable-diffusion-v1-4 --edit "a bear skis"
"""

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.media.encode import encode_png
from pipeline.stages.score.scorers.base import Embedder
from pipeline.stages.score.scorers.clip_text import ClipText
from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0
from pipeline.stages.score.scorers.open_clip import OpenClipVitL14
from schemas.command import run_command
from training.commands import tune
from training.commands.arguments.tune import parse

_THREADS = 2


class ProfileEmbedder:
    """A scorer's embedder behind `training.editing.metrics.FrameEmbedder`."""

    def __init__(self, embedder: Embedder, text_tower: ClipText | None) -> None:
        self._embedder, self._text_tower = embedder, text_tower
        self.name = embedder.model

    def embed_frames(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embeddings [F, D] of RGB frames uint8 [F, H, W, 3]."""
        return self._embedder.embed([encode_png(frame) for frame in frames])

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Embeddings [B, D] of texts; None without a text tower."""
        return self._text_tower(texts) if self._text_tower else None


def open_embedder(weights: str) -> ProfileEmbedder:
    """CLIP ViT-L/14 with these weights; without weights the packaged network, which has no text tower."""
    if not weights:
        return ProfileEmbedder(EfficientNetLite0(threads=_THREADS), None)
    clip = OpenClipVitL14(threads=_THREADS, weights=weights)
    return ProfileEmbedder(clip, ClipText.of(clip.name, weights))


def main() -> int:
    """Entry point."""
    return run(parse())


def run(parsed: argparse.Namespace) -> int:
    """Tune and edit; returns the exit code."""
    return tune.run(parsed, open_embedder)


if __name__ == "__main__":
    run_command(main)
