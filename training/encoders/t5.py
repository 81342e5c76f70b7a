"""A T5 encoder of any size, padded to the full length: without a mask, as CogVideoX uses T5 v1.1 XXL, or with one.

Padding attends and is attended to, in T5 and in the transformer: so were CogVideoX's weights trained. PixArt-alpha and
Latte were trained with a mask: there padding is zeros, which the model leaves out (`encoders.text_padding=zero`).

    just train <dataset> --set encoders.text=t5 --set encoders.text_weights=models/CogVideoX-2b
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from schemas.errors import ConfigError, StageError
from schemas.fingerprint import fingerprint
from training.encoders.padded import Padding, encode_padded

_VERSION = 1  # of the arithmetic below


class T5:
    """A `TextEncoder` of a folder (T5's own, or a pipeline's with `text_encoder` and `tokenizer`) or a hub name."""

    def __init__(
        self,
        place: str,
        length: int,
        precision: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        padding: Padding = "attended",
    ) -> None:
        """`padding` is attended to and handed out, or masked and handed out as zeros.

        Raises `ConfigError` if no place is named, `StageError` if T5 does not load from it.
        """
        if not place:
            raise ConfigError("encoders.text_weights is empty: t5 needs the folder or the hub name of a T5 encoder")
        from transformers import AutoTokenizer, T5EncoderModel
        from transformers.utils import logging

        logging.disable_progress_bar()
        folder = Path(place).expanduser()
        parts = [folder / "text_encoder", folder / "tokenizer"]
        weights, words = (str(one) for one in parts) if all(one.is_dir() for one in parts) else (place, place)
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(words)
            network: Any = T5EncoderModel.from_pretrained(weights, dtype=precision)
        except (OSError, ValueError, RuntimeError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StageError(f"no T5 encoder at {place!r}: {first}") from error
        # Its own limit would warn of every caption that is counted before it is cut.
        self._tokenizer.model_max_length = 1 << 30
        self._network: Any = network.eval().requires_grad_(False).to(device)
        self.length, self._padding = length, padding
        self.width = int(network.config.d_model)
        self.name = f"T5 {Path(place).name} ({self.width} wide)"
        content = _content(place, weights, words, network)
        kind = str(precision).removeprefix("torch.")
        masked = ", padding masked" if padding == "zero" else ""
        self.identity = f"t5@{content}, version {_VERSION}, {length} tokens, {kind}{masked}"

    def encode(self, captions: Sequence[str]) -> Tensor:
        """See `TextEncoder`; computed on the encoder's device, given back on the CPU."""
        return encode_padded(self._tokenizer, self._network, captions, self.length, self._padding)

    def count(self, caption: str) -> int:
        """See `TextEncoder`; the end mark is counted."""
        return len(self._tokenizer(caption)["input_ids"])


def _content(place: str, weights: str, words: str, network: Any) -> str:
    if not Path(weights).expanduser().is_dir():
        return f"{place}@{getattr(network.config, '_commit_hash', None) or 'unknown revision'}"
    folders = sorted({weights, words})
    return "+".join(fingerprint(Path(one).expanduser()) for one in folders)
