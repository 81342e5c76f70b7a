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
class Lesson:
    """The tokens of one conversation with its answer, and from which place on they are the answer."""

    tokens: tuple[int, ...]
    answer_at: int


def make_lesson(tokenizer: Any, messages: Sequence[Message], answer: str) -> Lesson:
    """Render a conversation as for inference and put the answer and its end token behind it."""
    chat = [{"role": message.role, "content": message.text} for message in messages]
    prompt = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    said = tokenizer(answer, add_special_tokens=False)["input_ids"]
    return Lesson((*before, *said, tokenizer.eos_token_id), len(before))


def collate(lessons: Sequence[Lesson], pad: int) -> dict[str, torch.Tensor]:
    """Ids, mask, positions and labels [lessons, tokens], padded on the left so that all answers end together."""
    longest = max(len(lesson.tokens) for lesson in lessons)
    ids = torch.full((len(lessons), longest), pad)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
    for row, lesson in enumerate(lessons):
        start = longest - len(lesson.tokens)
        ids[row, start:] = torch.tensor(lesson.tokens)
        mask[row, start:] = 1
        labels[row, start + lesson.answer_at :] = torch.tensor(lesson.tokens[lesson.answer_at :])
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions, "labels": labels}
