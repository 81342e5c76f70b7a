"""Turns pairs into training examples: the tokens of a conversation, with loss on the answer's tokens only.

batch = collate([make_example(tokenizer, prompt.messages(pair.captions), pair.summary)], pad=tokenizer.pad_token_id)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from captioning.chat import Message

IGNORED = -100  # the label that torch's cross entropy ignores


@dataclass(frozen=True, slots=True)
class Example:
    """The token ids of one conversation with its answer; the answer begins at index `answer_at`."""

    tokens: tuple[int, ...]
    answer_at: int


def make_example(tokenizer: Any, messages: Sequence[Message], answer: str) -> Example:
    """Render a conversation as for inference and append the answer and its end token."""
    chat = [{"role": message.role, "content": message.text} for message in messages]
    prompt = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer_ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
    return Example((*before, *answer_ids, tokenizer.eos_token_id), len(before))


def collate(examples: Sequence[Example], pad: int) -> dict[str, torch.Tensor]:
    """A batch of B examples, padded on the left with `pad` so that all answers end at the last position.

    `input_ids`, `attention_mask` (1 = token), `position_ids` and `labels` (-100 = no loss), all [B, tokens], int64.
    """
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
