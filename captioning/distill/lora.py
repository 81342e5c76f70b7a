"""LoRA fine-tuning with early stopping, for summarisers and for captioners of images.

Low-rank matrices beside the frozen weights are learned (Hu et al. 2021, arXiv 2106.09685) until the loss on held-out
sources no longer falls; those of the best check are merged into the weights.

    student, losses = fine_tune(model, training_set, held_out, Settings(), notify)
"""

import inspect
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from torch.nn.functional import cross_entropy

from captioning.distill.examples import IGNORED
from captioning.distill.settings import Settings

Tensors = Mapping[str, torch.Tensor]
Notify = Callable[[int, float | None, float | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Mean loss per answer token: `learned` of each training batch, `held_out` as (step, loss), and the best step."""

    learned: tuple[float, ...]
    held_out: tuple[tuple[int, float], ...]
    best_step: int


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Examples with their lengths in tokens, and the function that collates some of them into a batch with `labels`."""

    examples: Sequence[Any]
    lengths: Sequence[int]
    collate: Callable[[Sequence[Any]], Tensors]

    def batches(self, size: int, draw: random.Random | None) -> Iterator[Tensors]:
        """Yield every example once, in batches of similar length; with `draw` in random order, else shortest first."""
        order = list(range(len(self.examples)))
        if draw:
            draw.shuffle(order)
        order.sort(key=lambda index: self.lengths[index])
        starts = list(range(0, len(order), size))
        if draw:
            draw.shuffle(starts)
        for start in starts:
            yield self.collate([self.examples[index] for index in order[start : start + size]])


def total_steps(examples: int, settings: Settings) -> int:
    """Optimiser steps of a training that is not stopped early."""
    return settings.epochs * math.ceil(examples / settings.batch)


def fine_tune(
    model: Any, learn: TrainingSet, held_out: TrainingSet, settings: Settings, notify: Notify, frozen: str | None = None
) -> tuple[Any, Losses]:
    """Fine-tune and return the model with the LoRA weights merged, and the losses.

    Modules whose names match the regular expression `frozen` are not trained. `notify` is called with (steps since the
    last call, training loss, held-out loss); a loss is None where there is no new one.
    """
    torch.manual_seed(settings.seed)
    draw = random.Random(settings.seed)  # noqa: S311
    lora = LoraConfig(
        r=settings.rank, lora_alpha=2 * settings.rank, target_modules="all-linear", exclude_modules=frozen
    )
    student = get_peft_model(model, lora)
    weights = [weight for weight in student.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=settings.rate, weight_decay=0.0)
    steps = total_steps(len(learn.examples), settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    every = max(1, steps // (settings.epochs * settings.checks_per_epoch))
    learned: list[float] = []
    checks = [(0, _held_out_loss(student, held_out, settings.batch))]
    notify(0, None, checks[0][1])
    best = _copy(student)
    for epoch_batch in (batch for _ in range(settings.epochs) for batch in learn.batches(settings.batch, draw)):
        student.train()
        loss, tokens = _loss(student, epoch_batch)
        torch.autograd.backward(loss / tokens)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        learned.append(float(loss.detach()) / tokens)
        notify(1, learned[-1], None)
        if len(learned) % every == 0 or len(learned) == steps:
            checks.append((len(learned), _held_out_loss(student, held_out, settings.batch)))
            notify(0, None, checks[-1][1])
            best_step = min(checks, key=lambda check: check[1])[0]
            if best_step == checks[-1][0]:
                best = _copy(student)
            if [step for step, _ in checks].index(best_step) < len(checks) - settings.patience:
                break
    set_peft_model_state_dict(student, best)
    best_step = min(checks, key=lambda check: check[1])[0]
    return student.merge_and_unload(), Losses(learned=tuple(learned), held_out=tuple(checks), best_step=best_step)


def _rate(step: int, steps: int) -> float:
    warm = max(1, min(10, steps // 10))
    return min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm)))


def _loss(student: Any, batch: Tensors) -> tuple[torch.Tensor, int]:
    """The sum of the loss over the answers' tokens (a scalar), and the number of these tokens."""
    batch = {name: tensor.to(student.device) for name, tensor in batch.items()}
    labels = batch.pop("labels")
    # Logits over a vocabulary of 50,000 cost as much as several layers: only those of the answers are computed, which
    # stand at the end of every row.
    keep = int((labels != IGNORED).sum(dim=1).max()) + 1
    narrow = "logits_to_keep" in inspect.signature(student.get_base_model().forward).parameters
    with torch.autocast(student.device.type, torch.bfloat16):
        scores = student(**batch, **({"logits_to_keep": keep} if narrow else {})).logits[:, -keep:-1].float()
    wanted = labels[:, 1 - keep :]
    loss = cross_entropy(scores.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="sum")
    return loss, int((wanted != IGNORED).sum())


def _held_out_loss(student: Any, held_out: TrainingSet, size: int) -> float:
    student.eval()
    with torch.inference_mode():
        losses = [_loss(student, batch) for batch in held_out.batches(size, None)]
    return sum(float(loss) for loss, _ in losses) / sum(tokens for _, tokens in losses)


def _copy(student: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in get_peft_model_state_dict(student).items()}
