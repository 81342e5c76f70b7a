"""Compares packed batches with padded ones and with one clip at a time: the same clips, weights and losses.

Clips differ in duration only, since that is all that diffusers' class can pad: its batch has one grid, and shorter
clips are padded at their end behind an attention mask. A mask costs more than the padding alone, so our own model on
clips padded to the longest is measured too: same code, same attention, only more tokens.

    from training.benchmarks.packing import run
    rows = run()
"""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import CogVideoXTransformer3DModel
from torch import Tensor

from training.benchmarks.timing import at_least, interleaved
from training.diffusion.schedule import prediction_loss
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX
from training.models.cogvideox.positions import rotary
from training.models.segment import Segment

HEADINGS = ("packed beside", "CPU ms", "real tokens per CPU second, ratio", "aim")
SIZES = CogVideoXConfig(heads=4, head_dim=64, layers=2, text_dim=64, text_length=32, time_embed_dim=128)
"""256 wide, 2 layers: small enough that the overhead around the matrix products is visible."""
FRAMES = (4, 8, 12, 16, 20, 21, 26, 28)
"""Latent frames of the clips; at 16 tokens a frame and 32 of text, segments of 96 to 480 tokens."""
_SIDE = 8


class Clips:
    """The clips of a batch in all forms; each form returns the losses [clips] after a backward pass."""

    def __init__(self, sizes: CogVideoXConfig = SIZES, frames: Sequence[int] = FRAMES) -> None:
        torch.manual_seed(0)
        self.sizes, self._frames = sizes, tuple(frames)
        self.theirs: Any = CogVideoXTransformer3DModel(**sizes.to_diffusers())
        self.ours = CogVideoX(sizes)
        self.ours.load_state_dict(self.theirs.state_dict())
        self._segments = [self._segment(number, count) for number, count in enumerate(self._frames)]
        self._targets = [torch.randn_like(segment.latents) for segment in self._segments]
        self._longest = [
            Segment(_padded(segment.latents, max(frames)), segment.text, segment.timestep) for segment in self._segments
        ]
        self._padded_targets = [_padded(target, max(frames)) for target in self._targets]
        self._rotary = rotary((max(frames), _SIDE // 2, _SIDE // 2), sizes.head_dim)
        self._mask = self._make_mask()

    def _segment(self, number: int, frames: int) -> Segment:
        latents = torch.randn(frames, self.sizes.in_channels, _SIDE, _SIDE)
        text = torch.randn(self.sizes.text_length, self.sizes.text_dim)
        return Segment(latents, text, (number * 1000 + 500) // len(self._frames))

    def _make_mask(self) -> Tensor:
        """Which tokens are not padding: bool [clips, 1, tokens]."""
        text, each = self.sizes.text_length, (_SIDE // self.sizes.patch) ** 2
        lengths = torch.tensor([text + each * count for count in self._frames])
        return torch.arange(text + each * max(self._frames))[None, None] < lengths[:, None, None]

    @property
    def tokens(self) -> int:
        """Tokens of all clips, without padding."""
        return int(self._mask.sum())

    @property
    def waste(self) -> float:
        """Fraction of a padded batch that is padding."""
        return 1 - self.tokens / self._mask.numel()

    def packed(self) -> Tensor:
        """All clips in one sequence."""
        return _backward(self.ours, self._losses(self._segments))

    def alone(self) -> Tensor:
        """One clip after the other, with accumulated gradients."""
        self.ours.zero_grad()
        losses = [self._losses([segment], number) for number, segment in enumerate(self._segments)]
        for loss in losses:
            _sum(loss).backward()  # type: ignore[no-untyped-call]
        return torch.cat(losses).detach()

    def as_long_as_the_longest(self) -> Tensor:
        """Our model on clips padded with zeros, without a mask: the cost of the additional tokens alone."""
        predicted = self.ours(self._longest)
        pairs = zip(predicted, self._padded_targets, strict=True)
        return _backward(self.ours, torch.stack([prediction_loss(*pair) for pair in pairs]))

    def padded(self) -> Tensor:
        """diffusers' class on a batch padded with zeros, with an attention mask; padding has no loss."""
        predicted = self.theirs(
            torch.stack([segment.latents for segment in self._longest]),
            torch.stack([segment.text for segment in self._longest]),
            torch.tensor([segment.timestep for segment in self._longest]),
            image_rotary_emb=self._rotary,
            attention_kwargs={"attention_mask": self._mask},
        ).sample
        pairs = zip(predicted, self._targets, strict=True)
        losses = torch.stack([prediction_loss(prediction[: len(target)], target) for prediction, target in pairs])
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


def run(rounds: int = 9) -> list[Sequence[object]]:
    """Time forward and backward passes over the same clips; ratios are of unpadded tokens per CPU second."""
    clips = Clips()
    cost = interleaved(
        {
            "packed": clips.packed,
            "padded, our model, no mask": clips.as_long_as_the_longest,
            "padded, diffusers' class, masked": clips.padded,
            "one clip at a time": clips.alone,
        },
        rounds,
    )
    aims = {name: 0.95 / (1 - clips.waste) for name in cost if name.startswith("padded")} | {"one clip at a time": 0.97}
    rows: list[Sequence[object]] = [("(itself)", f"{1000 * cost['packed']:.0f}", "1.00", "")]
    for name, aim in aims.items():
        ratio = cost[name] / cost["packed"]
        rows.append((name, f"{1000 * cost[name]:.0f}", f"{ratio:.2f}", at_least(ratio, aim)))
    return rows
