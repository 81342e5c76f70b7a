"""Attention by shapes is attention under a mask over all tokens; clips are taken out and put back in their places."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from training.models.latte.layout import Layout, Stack, stack_up

SHAPES = sorted(
    [Stack(4, 1, 3), Stack(4, 3, 3), Stack(4, 3, 3), Stack(4, 3, 2), Stack(6, 1, 3), Stack(6, 1, 3), Stack(6, 2, 5)]
)
LAYOUT = Layout(stack_up(SHAPES))
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def token_positions(layout: Layout) -> Tensor:
    """Clip, frame and place of every token, [tokens, 3]."""
    shapes = [stack for stack in layout.stacks for _ in range(stack.clips)]
    rows = [
        (clip, frame, patch)
        for clip, shape in enumerate(shapes)
        for frame in range(shape.frames)
        for patch in range(shape.patches)
    ]
    return torch.tensor(rows)


def masked(parts: list[Tensor], allowed: Tensor) -> Tensor:
    queries, keys, values = (part.transpose(0, 1)[None] for part in parts)
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=allowed)[0].transpose(0, 1)


def drawn(count: int, seed: int) -> Tensor:
    return torch.randn(count, 2, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("across", [False, True])
def test_attention_within_and_across_frames(across: bool) -> None:
    layout = LAYOUT.clips if across else LAYOUT
    positions = token_positions(layout)
    clip, frame, patch = (column[:, None] == column[None] for column in positions.T)
    parts = [drawn(len(positions), seed) for seed in range(3)]
    attend: Attend = layout.attend_across_frames if across else layout.attend_in_frames
    assert torch.allclose(attend(*parts), masked(parts, clip & (patch if across else frame)), atol=1e-12)


def test_attention_to_captions() -> None:
    clips = token_positions(LAYOUT)[:, 0]
    texts = torch.tensor([clip for clip, shape in enumerate(SHAPES) for _ in range(shape.text)])
    parts = [drawn(len(clips), 0), drawn(len(texts), 1), drawn(len(texts), 2)]
    expected = masked(parts, clips[:, None] == texts[None])
    assert torch.allclose(LAYOUT.attend_to_text(*parts), expected, atol=1e-12)


def test_clips_are_taken_and_put_back() -> None:
    positions = token_positions(LAYOUT)
    x = torch.arange(len(positions))[:, None].double()
    clips = LAYOUT.take_clips(x)
    moving = torch.tensor([SHAPES[int(clip)].frames > 1 for clip in positions[:, 0]])
    assert torch.equal(clips, x[moving])
    assert torch.equal(LAYOUT.put_clips(x, clips + 100), torch.where(moving[:, None], x + 100, x))
    rows = torch.arange(7)[:, None].double()
    assert torch.equal(LAYOUT.choose_clips(rows)[:, 0], rows[[1, 2, 3, 6], 0])
    assert torch.equal(LAYOUT.spread(rows)[:, 0], positions[:, 0].double())


def test_a_call_without_clips_still_leads_to_the_temporal_layers() -> None:
    layout = Layout(stack_up([Stack(4, 1, 3)]))
    x, weight = drawn(4, 0), torch.ones(1, dtype=torch.float64, requires_grad=True)
    clips = layout.take_clips(x) * weight
    moved = layout.clips.attend_across_frames(clips, clips, clips)
    assert moved.shape == (0, 2, 8)
    torch.autograd.backward(layout.put_clips(x, moved).sum())
    assert weight.grad == 0
