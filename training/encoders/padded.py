"""Embeddings of captions padded to one length, shared by T5 and CLIP's text encoder.

embeddings = encode_padded(tokenizer, network, captions, length=226)      # [B, 226, hidden_size]
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
    """The network's last hidden states [B, length, hidden_size], float32, computed on its device, returned on the CPU.

    `padding`: padding tokens are attended to and their embeddings returned, or they are masked and returned as zeros.
    """
    outputs = [torch.zeros(0, length, network.config.hidden_size)]
    for start in range(0, len(captions), _BATCH):
        batch = list(captions[start : start + _BATCH])
        tokens = tokenizer(batch, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        inputs = {"input_ids": tokens["input_ids"].to(network.device)}
        if padding == "zero":
            inputs["attention_mask"] = tokens["attention_mask"].to(network.device)
        states = network(**inputs).last_hidden_state.float().cpu()
        outputs.append(states * tokens["attention_mask"][..., None] if padding == "zero" else states)
    return torch.cat(outputs)
