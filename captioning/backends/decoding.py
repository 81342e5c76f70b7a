"""Decodes a batch of prompts with a transformers model; no text depends on the other prompts of its batch.

Every prompt has its own token limit, and its own seeded noise where it is sampled. Sampling is greedy decoding with
Gumbel noise: the token with the largest `logit / temperature + noise` is distributed as the softmax of
`logit / temperature` (Gumbel 1954; Maddison et al. 2014, arXiv 1411.0030).

    generations = decode(model, Batch(requests=requests, inputs=inputs), tokenizer.pad_token_id)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from captioning.chat import ChatRequest
from captioning.thinking import MARK


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Requests that go through the model together, and the keyword arguments of `generate` for them.

    `inputs` holds `input_ids` and `attention_mask` [B, tokens], int64, padded on the left, and whatever else the model
    takes (`pixel_values`, `past_key_values`).
    """

    requests: Sequence[ChatRequest]
    inputs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer: its token ids without the end token, whether there was one, and the prompt's length in tokens."""

    tokens: list[int]
    ended: bool
    prompt_tokens: int


class _Limits(StoppingCriteria):  # type: ignore[misc]
    """Stops each text at its own limit; the batch ends with its last text. `limits` [B], int64."""

    def __init__(self, start: int, limits: torch.Tensor) -> None:
        self._start, self._limits = start, limits

    def __call__(self, input_ids: torch.Tensor, scores: object, **others: object) -> torch.Tensor:
        return input_ids.shape[1] - self._start >= self._limits


class _GumbelNoise(LogitsProcessor):  # type: ignore[misc]
    """Adds each sampled request's own Gumbel noise to its logits [B, vocabulary]; at temperature 0 it adds nothing."""

    def __init__(self, requests: Sequence[ChatRequest]) -> None:
        self._generators = [
            (row, request.temperature, torch.Generator().manual_seed(request.seed))
            for row, request in enumerate(requests)
            if request.temperature > 0
        ]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scaled = scores.float()
        for row, temperature, generator in self._generators:
            noise = -torch.empty(scaled.shape[1]).exponential_(generator=generator).log()
            scaled[row] = scaled[row] / temperature + noise.to(scaled.device)
        return scaled


def decode(model: Any, batch: Batch, pad: int) -> list[Generation]:
    """Generate one text per request, greedy at temperature 0, up to an end token or its `max_tokens`.

    `pad` is the padding token's id. Of the model's own generation settings only the end tokens are used: penalties
    would make its greedy texts differ from another backend's.
    """
    eos_ids = _eos_ids(model, pad)
    start = batch.inputs["input_ids"].shape[1]
    limits = torch.tensor([request.max_tokens for request in batch.requests], device=model.device)
    with torch.inference_mode():
        rows = model.generate(
            **batch.inputs,
            generation_config=GenerationConfig(
                do_sample=False, max_new_tokens=int(limits.max()), eos_token_id=eos_ids, pad_token_id=pad
            ),
            stopping_criteria=StoppingCriteriaList([_Limits(start, limits)]),
            logits_processor=LogitsProcessorList([_GumbelNoise(batch.requests)]),
        )
    lengths = batch.inputs["attention_mask"].sum(dim=1).tolist()
    return [
        _generation(row[start : start + request.max_tokens], eos_ids, length)
        for row, request, length in zip(rows.tolist(), batch.requests, lengths, strict=True)
    ]


def decode_answer(tokenizer: Any, tokens: Sequence[int]) -> str:
    """Decode an answer's token ids without special tokens, except for those that mark thinking."""
    special = [int(token_id) for token_id in tokenizer.all_special_ids]
    kept = [token for token in tokens if token not in special or MARK.search(tokenizer.decode([token]))]
    return str(tokenizer.decode(kept, skip_special_tokens=False))


def _generation(row: list[int], eos_ids: Sequence[int], prompt_tokens: int) -> Generation:
    end = next((index for index, token in enumerate(row) if token in eos_ids), None)
    return Generation(row if end is None else row[:end], end is not None, prompt_tokens)


def _eos_ids(model: Any, otherwise: int) -> list[int]:
    eos_ids = model.generation_config.eos_token_id
    if eos_ids is None:
        return [otherwise]
    return [int(token_id) for token_id in eos_ids] if isinstance(eos_ids, list | tuple) else [int(eos_ids)]
