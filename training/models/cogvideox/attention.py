"""Segment attention: in a packed sequence of many clips, each attends to itself only.

`loop` runs one exact attention per segment on any device and is the reference. `varlen` and `flex` run all segments in
one kernel on CUDA; `best_backend` picks. A dense block mask would cost the square of the pack's length.

    out = segment_attention(queries, keys, values, bounds=(0, 100, 250), backend="loop")
"""

from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Backend = Literal["loop", "varlen", "flex"]


def best_backend(device: torch.device) -> Backend:
    """The fastest backend that can train on a device: `varlen` on CUDA; on a CPU only `loop` has a backward pass."""
    return "varlen" if device.type == "cuda" else "loop"


def segment_attention(
    queries: Tensor, keys: Tensor, values: Tensor, bounds: tuple[int, ...], backend: Backend
) -> Tensor:
    """Attention within each segment `bounds[i]` to `bounds[i + 1]`.

    `queries`, `keys` and `values` are [tokens, heads, head_dim]; the result has the same shape and dtype.
    """
    if backend == "varlen":
        return _varlen(queries, keys, values, bounds)
    if backend == "flex":
        return _flex(queries, keys, values, bounds)
    lengths = [end - start for start, end in pairwise(bounds)]
    # torch.split, not slices: the gradient of each slice would be as long as the whole pack.
    parts = zip(*(torch.split(tensor, lengths) for tensor in (queries, keys, values)), strict=True)
    outputs = []
    for part in parts:
        query, key, value = (tensor.transpose(0, 1)[None] for tensor in part)
        outputs.append(F.scaled_dot_product_attention(query, key, value)[0].transpose(0, 1))
    return torch.cat(outputs)


def _varlen(queries: Tensor, keys: Tensor, values: Tensor, bounds: tuple[int, ...]) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    cumulative = torch.tensor(bounds, dtype=torch.int32, device=queries.device)
    longest = max(end - start for start, end in pairwise(bounds))
    out: Any = varlen_attn(queries, keys, values, cumulative, cumulative, longest, longest)
    return out  # type: ignore[no-any-return]


def _flex(queries: Tensor, keys: Tensor, values: Tensor, bounds: tuple[int, ...]) -> Tensor:
    from torch.nn.attention.flex_attention import flex_attention

    mask = _block_mask(bounds, queries.device)
    attend = torch.compile(flex_attention) if queries.device.type == "cuda" else flex_attention
    rows = [tensor.transpose(0, 1)[None] for tensor in (queries, keys, values)]
    out: Any = attend(rows[0], rows[1], rows[2], block_mask=mask)
    return out[0].transpose(0, 1)  # type: ignore[no-any-return]


@lru_cache(maxsize=16)
def _block_mask(bounds: tuple[int, ...], device: torch.device) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    lengths = torch.tensor([end - start for start, end in pairwise(bounds)], device=device)
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=device), lengths)

    def same(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return owner[query] == owner[key]

    return create_block_mask(same, None, None, bounds[-1], bounds[-1], device=str(device))
