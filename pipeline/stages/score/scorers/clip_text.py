"""The text towers of CLIP through open_clip: texts into the space of the image vectors that a dataset holds.

python -m pytest tests/captioning/quality/test_planted.py          # with a made tower
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.score.scorers.open_clip import PUBLISHED, UNTRAINED, OpenClipVitB32, OpenClipVitL14
from schemas.errors import StageError

_TOWERS = {tower.name: tower.architecture for tower in (OpenClipVitL14, OpenClipVitB32)}
_BATCH = 64


class ClipText:
    """Texts to vectors [texts, D] of length 1, at most 77 tokens each. Loads at the first call.

    Raises `StageError` then if the weights cannot be loaded.
    """

    def __init__(self, architecture: str, weights: str | None = None) -> None:
        self._architecture, self._weights = architecture, weights or PUBLISHED

    @classmethod
    def of(cls, embedder: str, weights: str | None = None) -> "ClipText | None":
        """The text tower of an embedder by its name in the registry; None if it has none, or random weights."""
        if embedder not in _TOWERS or weights == UNTRAINED:
            return None
        return cls(_TOWERS[embedder], weights)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts, in the order given."""
        import torch

        tokenizer, network = self._loaded
        features_of_batches = []
        with torch.inference_mode():
            for start in range(0, len(texts), _BATCH):
                features = network.encode_text(tokenizer(list(texts[start : start + _BATCH])), normalize=True)
                features_of_batches.append(features.float().numpy())
        return np.asarray(np.concatenate(features_of_batches), np.float32)

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import open_clip

        tag = None if self._weights == UNTRAINED else self._weights
        try:
            network = open_clip.create_model(self._architecture, pretrained=tag, weights_only=True)
        except (RuntimeError, OSError, ValueError) as error:
            raise StageError(
                f"the text tower of {self._architecture} cannot load {self._weights!r}: {error}"
            ) from error
        return open_clip.get_tokenizer(self._architecture), network.eval()
