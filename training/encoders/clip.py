"""CLIP's text encoder as Stable Diffusion uses it: 77 tokens, padded as its tokenizer pads, no mask, the last states.

just tune film.mp4 "a man skis" --set encoders.text=clip --set encoders.text_weights=models/stable-diffusion-v1-4
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from schemas.errors import ConfigError, StageError
from schemas.fingerprint import fingerprint
from training.encoders.padded import encode_padded

_VERSION = 1  # of the arithmetic below


class ClipText:
    """A `TextEncoder` of a pipeline's folder, which holds `text_encoder` and `tokenizer`, or of CLIP's own."""

    def __init__(
        self, place: str, length: int, precision: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> None:
        """Raises `ConfigError` for no place or too many tokens, `StageError` if CLIP does not load from it."""
        if not place:
            raise ConfigError("encoders.text_weights is empty: clip needs the folder of Stable Diffusion or of CLIP")
        from transformers import CLIPTextModel, CLIPTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        folder = Path(place).expanduser()
        parts = [folder / "text_encoder", folder / "tokenizer"]
        weights, words = parts if all(one.is_dir() for one in parts) else (folder, folder)
        try:
            self._tokenizer: Any = CLIPTokenizer.from_pretrained(str(words), local_files_only=True)
            network: Any = CLIPTextModel.from_pretrained(str(weights), dtype=precision, local_files_only=True)
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StageError(f"no CLIP text encoder at {place!r}: {first}") from error
        longest = int(network.config.max_position_embeddings)
        if length > longest:
            raise ConfigError(f"{length} tokens were asked of CLIP, which has {longest} positions")
        # Its own limit would warn of every caption that is counted before it is cut.
        self._tokenizer.model_max_length = 1 << 30
        self._network: Any = network.eval().requires_grad_(False).to(device)
        self.length = length
        self.width = int(network.config.hidden_size)
        self.name = f"CLIP {folder.name} ({self.width} wide)"
        content = "+".join(fingerprint(one) for one in sorted({weights, words}))
        kind = str(precision).removeprefix("torch.")
        self.identity = f"clip@{content}, version {_VERSION}, {length} tokens, {kind}"

    def encode(self, captions: Sequence[str]) -> Tensor:
        """See `TextEncoder`; computed on the encoder's device, given back on the CPU."""
        return encode_padded(self._tokenizer, self._network, captions, self.length)

    def count(self, caption: str) -> int:
        """See `TextEncoder`; the marks of beginning and end are counted."""
        return len(self._tokenizer(caption)["input_ids"])
