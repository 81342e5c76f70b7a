"""What a packed batch costs beside a padded one and beside one clip at a time: the same clips, weights and losses.

Clips differ in duration, which is the only difference that diffusers' class can pad: a batch has one grid there, and
what a shorter clip lacks stands at its end, behind an attention mask. A mask costs more than the padding alone, so our
own model on clips that are all as long as the longest stands beside it: same code, same attention, only more tokens.

    from training.benchmarks.packing import run
"""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import CogVideoXTransformer3DModel
from torch import Tensor

from training.benchmarks.turns import at_least, in_turns
from training.diffusion.schedule import prediction_loss
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX
from training.models.cogvideox.positions import rotary
from training.models.segment import Segment

HEADINGS = ("packed beside", "CPU ms", "real tokens per CPU second, ratio", "aim")
SIZES = CogVideoXConfig(heads=4, head_width=64, layers=2, text_width=64, text_length=32, time_width=128)
"""256 wide, 2 layers: small enough that what surrounds the matrix products shows."""
FRAMES = (4, 8, 12, 16, 20, 21, 26, 28)
"""Latent frames of the clips; at 16 tokens a frame and 32 of text, segments of 96 to 480 tokens."""
_SIDE = 8


class Clips:
    """The clips of a batch, in all forms; each form gives the losses of the clips after a backward pass."""

    def __init__(self, sizes: CogVideoXConfig = SIZES, frames: Sequence[int] = FRAMES) -> None:
        torch.manual_seed(0)
        self.sizes, self._frames = sizes, tuple(frames)
        self.theirs: Any = CogVideoXTransformer3DModel(**sizes.to_diffusers())
        self.ours = CogVideoX(sizes)
        self.ours.load_state_dict(self.theirs.state_dict())
        self._segments = [self._segment(number, count) for number, count in enumerate(self._frames)]
        self._targets = [torch.randn_like(one.latents) for one in self._segments]
        self._longest = [Segment(_padded(one.latents, max(frames)), one.text, one.timestep) for one in self._segments]
        self._padded_targets = [_padded(one, max(frames)) for one in self._targets]
        self._turn = rotary((max(frames), _SIDE // 2, _SIDE // 2), sizes.head_width)
        self._shown = self._mask()

    def _segment(self, number: int, frames: int) -> Segment:
        latents = torch.randn(frames, self.sizes.in_channels, _SIDE, _SIDE)
        text = torch.randn(self.sizes.text_length, self.sizes.text_width)
        return Segment(latents, text, (number * 1000 + 500) // len(self._frames))

    def _mask(self) -> Tensor:
        """Which tokens are real: [clips, 1, tokens]."""
        text, each = self.sizes.text_length, (_SIDE // self.sizes.patch) ** 2
        lengths = torch.tensor([text + each * count for count in self._frames])
        return torch.arange(text + each * max(self._frames))[None, None] < lengths[:, None, None]

    @property
    def tokens(self) -> int:
        """Real tokens of all clips."""
        return int(self._shown.sum())

    @property
    def waste(self) -> float:
        """Share of a padded batch that is padding."""
        return 1 - self.tokens / self._shown.numel()

    def packed(self) -> Tensor:
        """All clips in one sequence."""
        return _backward(self.ours, self._losses(self._segments))

    def alone(self) -> Tensor:
        """One clip after the other, gradients added."""
        self.ours.zero_grad()
        found = [self._losses([one], number) for number, one in enumerate(self._segments)]
        for one in found:
            _sum(one).backward()  # type: ignore[no-untyped-call]
        return torch.cat(found).detach()

    def as_long_as_the_longest(self) -> Tensor:
        """Our model on clips filled up with zeros that nothing masks: what the tokens cost, and nothing else."""
        predicted = self.ours(self._longest)
        pairs = zip(predicted, self._padded_targets, strict=True)
        return _backward(self.ours, torch.stack([prediction_loss(*pair) for pair in pairs]))

    def padded(self) -> Tensor:
        """diffusers' class on a batch filled up with zeros, behind an attention mask; padding has no loss."""
        predicted = self.theirs(
            torch.stack([one.latents for one in self._longest]),
            torch.stack([one.text for one in self._longest]),
            torch.tensor([one.timestep for one in self._longest]),
            image_rotary_emb=self._turn,
            attention_kwargs={"attention_mask": self._shown},
        ).sample
        pairs = zip(predicted, self._targets, strict=True)
        losses = torch.stack([prediction_loss(one[: len(target)], target) for one, target in pairs])
        return _backward(self.theirs, losses)

    def _losses(self, segments: Sequence[Segment], first: int = 0) -> Tensor:
        targets = self._targets[first : first + len(segments)]
        return torch.stack([prediction_loss(*pair) for pair in zip(self.ours(segments), targets, strict=True)])


def _padded(latents: Tensor, frames: int) -> Tensor:
    return torch.cat([latents, latents.new_zeros(frames - len(latents), *latents.shape[1:])])


def _sum(losses: Tensor) -> Tensor:
    return losses.sum()


def _backward(model: torch.nn.Module, losses: Tensor) -> Tensor:
    model.zero_grad()
    losses.sum().backward()  # type: ignore[no-untyped-call]
    return losses.detach()


def run(turns: int = 9) -> list[Sequence[object]]:
    """Forward and backward passes over the same clips; ratios of real tokens per CPU second, packed to the other."""
    clips = Clips()
    cost = in_turns(
        {
            "packed": clips.packed,
            "padded, our model, no mask": clips.as_long_as_the_longest,
            "padded, diffusers' class, masked": clips.padded,
            "one clip at a time": clips.alone,
        },
        turns,
    )
    aims = {name: 0.95 / (1 - clips.waste) for name in cost if name.startswith("padded")} | {"one clip at a time": 0.97}
    rows: list[Sequence[object]] = [("(itself)", f"{1000 * cost['packed']:.0f}", "1.00", "")]
    for name, aim in aims.items():
        ratio = cost[name] / cost["packed"]
        rows.append((name, f"{1000 * cost[name]:.0f}", f"{ratio:.2f}", at_least(ratio, aim)))
    return rows
