"""`just tune`, with the eyes of the profiles: CLIP where its weights are given, EfficientNet-lite0 otherwise.

Training knows no scorers, so what looks at its edits is handed in here (`training.commands.tune`).

    just tune film.mp4 "a man skis" --model models/stable-diffusion-v1-4 --edit "a bear skis"
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


class ProfileLooker:
    """An embedder of the pipeline as training asks for one; see `training.editing.metrics.Looker`."""

    def __init__(self, embedder: Embedder, reader: ClipText | None) -> None:
        self._embedder, self._reader = embedder, reader
        self.name = embedder.model

    def look(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Vectors of frames."""
        return self._embedder.embed([encode_png(frame) for frame in frames])

    def read(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Vectors of texts, if the embedder has a text tower."""
        return self._reader(texts) if self._reader else None


def open_looker(weights: str) -> ProfileLooker:
    """CLIP ViT-L/14 of these weights; without any the packaged network, which knows pictures and no words."""
    if not weights:
        return ProfileLooker(EfficientNetLite0(threads=_THREADS), None)
    clip = OpenClipVitL14(threads=_THREADS, weights=weights)
    return ProfileLooker(clip, ClipText.of(clip.name, weights))


def main() -> int:
    """Entry point."""
    return run(parse())


def run(parsed: argparse.Namespace) -> int:
    """Learn and edit; returns the exit code."""
    return tune.run(parsed, open_looker)


if __name__ == "__main__":
    run_command(main)
