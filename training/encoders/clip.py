"""CLIP's text encoder as in Stable Diffusion: 77 tokens, the tokenizer's padding, no mask, the last hidden states.

just tune video.mp4 "a man skis" --set encoders.text=clip --set encoders.text_weights=models/stable-diffusion-v1-4
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from schemas.errors import ConfigError, StageError
from schemas.fingerprint import fingerprint
from schemas.torchvision_pair import leave_out_broken_torchvision
from training.encoders.padded import encode_padded

_VERSION = 1  # of the computation below


class ClipText:
    """A `TextEncoder` from a pipeline's folder, which holds `text_encoder` and `tokenizer`, or from CLIP's own."""

    def __init__(
        self, path: str, length: int, precision: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> None:
        """Raises `ConfigError` for an empty path or too many tokens, `StageError` if CLIP does not load."""
        if not path:
            raise ConfigError("encoders.text_weights is empty: clip needs the folder of Stable Diffusion or of CLIP")
        leave_out_broken_torchvision()
        from transformers import CLIPTextModel, CLIPTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        folder = Path(path).expanduser()
        parts = [folder / "text_encoder", folder / "tokenizer"]
        weights, tokenizer = parts if all(part.is_dir() for part in parts) else (folder, folder)
        try:
            self._tokenizer: Any = CLIPTokenizer.from_pretrained(str(tokenizer), local_files_only=True)
            network: Any = CLIPTextModel.from_pretrained(str(weights), dtype=precision, local_files_only=True)
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StageError(f"no CLIP text encoder at {path!r}: {first}") from error
        longest = int(network.config.max_position_embeddings)
        if length > longest:
            raise ConfigError(f"{length} tokens were asked of CLIP, which has {longest} positions")
        # Without this the tokenizer warns of every long caption that is only counted.
        self._tokenizer.model_max_length = 1 << 30
        self._network: Any = network.eval().requires_grad_(False).to(device)
        self.length = length
        self.hidden_size = int(network.config.hidden_size)
        self.name = f"CLIP {folder.name} ({self.hidden_size} wide)"
        content = "+".join(fingerprint(part) for part in sorted({weights, tokenizer}))
        dtype_name = str(precision).removeprefix("torch.")
        self.identity = f"clip@{content}, version {_VERSION}, {length} tokens, {dtype_name}"

    def encode(self, captions: Sequence[str]) -> Tensor:
        """See `TextEncoder`; computed on the encoder's device."""
        return encode_padded(self._tokenizer, self._network, captions, self.length)

    def count(self, caption: str) -> int:
        """See `TextEncoder`; the begin and end tokens are counted."""
        return len(self._tokenizer(caption)["input_ids"])
