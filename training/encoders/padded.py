"""States of captions that are padded to one length, as T5 and CLIP's text encoder make them.

python -m pytest tests/training/encoders/test_text.py
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

_BATCH = 16

Padding = Literal["attended", "zero"]


@torch.inference_mode()
def encode_padded(
    tokenizer: Any, network: Any, captions: Sequence[str], length: int, padding: Padding = "attended"
) -> Tensor:
    """The network's last states [captions, length, width], float32, computed where it is and given back on the CPU.

    Padding is attended to and handed out, or masked and handed out as zeros.
    """
    found = [torch.zeros(0, length, network.config.hidden_size)]
    for start in range(0, len(captions), _BATCH):
        batch = list(captions[start : start + _BATCH])
        tokens = tokenizer(batch, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        given = {"input_ids": tokens["input_ids"].to(network.device)}
        if padding == "zero":
            given["attention_mask"] = tokens["attention_mask"].to(network.device)
        states = network(**given).last_hidden_state.float().cpu()
        found.append(states * tokens["attention_mask"][..., None] if padding == "zero" else states)
    return torch.cat(found)
