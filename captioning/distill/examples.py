"""Turns pairs into what a network learns from: the tokens of a conversation, of which only the answer's carry loss.

python -m pytest tests/captioning/distill
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from captioning.chat import Message

IGNORED = -100  # torch's cross entropy leaves such labels out


@dataclass(frozen=True, slots=True)
class Example:
    """The tokens of one conversation with its answer, and from which place on they are the answer."""

    tokens: tuple[int, ...]
    answer_at: int


def make_example(tokenizer: Any, messages: Sequence[Message], answer: str) -> Example:
    """Render a conversation as for inference and put the answer and its end token behind it."""
    chat = [{"role": message.role, "content": message.text} for message in messages]
    prompt = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer_ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
    return Example((*before, *answer_ids, tokenizer.eos_token_id), len(before))


def collate(examples: Sequence[Example], pad: int) -> dict[str, torch.Tensor]:
    """Ids, mask, positions and labels [lessons, tokens], padded on the left so that all answers end together."""
    longest = max(len(example.tokens) for example in examples)
    ids = torch.full((len(examples), longest), pad)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
    for row, example in enumerate(examples):
        start = longest - len(example.tokens)
        ids[row, start:] = torch.tensor(example.tokens)
        mask[row, start:] = 1
        labels[row, start + example.answer_at :] = torch.tensor(example.tokens[example.answer_at :])
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions, "labels": labels}
