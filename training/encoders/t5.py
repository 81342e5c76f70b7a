"""A T5 encoder of any size, padded to the full length: without a mask, as CogVideoX uses T5 v1.1 XXL, or with one.

CogVideoX was trained without a mask: padding attends and is attended to, in T5 and in the transformer. PixArt-alpha and
Latte were trained with a mask: padding becomes zeros, which the model skips (`encoders.text_padding=zero`).

    just train <dataset> --set encoders.text=t5 --set encoders.text_weights=models/CogVideoX-2b
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from schemas.errors import ConfigError, StageError
from schemas.fingerprint import fingerprint
from schemas.torchvision_pair import leave_out_broken_torchvision
from training.encoders.padded import Padding, encode_padded

_VERSION = 1  # of the computation below


class T5:
    """A `TextEncoder` from a folder (T5's own, or a pipeline's with `text_encoder` and `tokenizer`) or a hub name."""

    def __init__(
        self,
        name: str,
        length: int,
        precision: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        padding: Padding = "attended",
    ) -> None:
        """`name` is the folder or hub name; for `padding` see `encode_padded`.

        Raises `ConfigError` for an empty name, `StageError` if T5 does not load from it.
        """
        if not name:
            raise ConfigError("encoders.text_weights is empty: t5 needs the folder or the hub name of a T5 encoder")
        leave_out_broken_torchvision()
        from transformers import AutoTokenizer, T5EncoderModel
        from transformers.utils import logging

        logging.disable_progress_bar()
        folder = Path(name).expanduser()
        parts = [folder / "text_encoder", folder / "tokenizer"]
        weights, tokenizer = (str(part) for part in parts) if all(part.is_dir() for part in parts) else (name, name)
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer)
            network: Any = T5EncoderModel.from_pretrained(weights, dtype=precision)
        except (OSError, ValueError, RuntimeError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StageError(f"no T5 encoder at {name!r}: {first}") from error
        # Without this the tokenizer warns of every long caption that is only counted.
        self._tokenizer.model_max_length = 1 << 30
        self._network: Any = network.eval().requires_grad_(False).to(device)
        self.length, self._padding = length, padding
        self.hidden_size = int(network.config.d_model)
        self.name = f"T5 {Path(name).name} ({self.hidden_size} wide)"
        content = _content(name, weights, tokenizer, network)
        dtype_name = str(precision).removeprefix("torch.")
        masked = ", padding masked" if padding == "zero" else ""
        self.identity = f"t5@{content}, version {_VERSION}, {length} tokens, {dtype_name}{masked}"

    def encode(self, captions: Sequence[str]) -> Tensor:
        """See `TextEncoder`; computed on the encoder's device."""
        return encode_padded(self._tokenizer, self._network, captions, self.length, self._padding)

    def count(self, caption: str) -> int:
        """See `TextEncoder`; the end token is counted."""
        return len(self._tokenizer(caption)["input_ids"])


def _content(name: str, weights: str, tokenizer: str, network: Any) -> str:
    if not Path(weights).expanduser().is_dir():
        return f"{name}@{getattr(network.config, '_commit_hash', None) or 'unknown revision'}"
    folders = sorted({weights, tokenizer})
    return "+".join(fingerprint(Path(folder).expanduser()) for folder in folders)
