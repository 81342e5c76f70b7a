"""Attention inside segments: a packed sequence of many clips, each of which sees only itself.

`loop` runs one exact attention per segment on any device and is the reference. `varlen` and `flex` do all segments in
one kernel on CUDA; `best_backend` picks. A dense block mask over the whole sequence would cost the square of the pack.

    python -m pytest tests/training/models/cogvideox
"""

from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Backend = Literal["loop", "varlen", "flex"]


def best_backend(device: torch.device) -> Backend:
    """The fastest backend that can train on a device: `varlen` on CUDA; on a CPU only `loop` goes backward."""
    return "varlen" if device.type == "cuda" else "loop"


def segment_attention(
    queries: Tensor, keys: Tensor, values: Tensor, bounds: tuple[int, ...], backend: Backend
) -> Tensor:
    """Attention of [tokens, heads, head_width] within `bounds[i]` to `bounds[i + 1]` each; gives the same shape."""
    if backend == "varlen":
        return _varlen(queries, keys, values, bounds)
    if backend == "flex":
        return _flex(queries, keys, values, bounds)
    lengths = [end - start for start, end in pairwise(bounds)]
    # Split, not sliced: a slice's gradient is as long as the whole pack, for every segment.
    parts = zip(*(torch.split(one, lengths) for one in (queries, keys, values)), strict=True)
    found = []
    for part in parts:
        query, key, value = (one.transpose(0, 1)[None] for one in part)
        found.append(F.scaled_dot_product_attention(query, key, value)[0].transpose(0, 1))
    return torch.cat(found)


def _varlen(queries: Tensor, keys: Tensor, values: Tensor, bounds: tuple[int, ...]) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    cumulative = torch.tensor(bounds, dtype=torch.int32, device=queries.device)
    longest = max(end - start for start, end in pairwise(bounds))
    found: Any = varlen_attn(queries, keys, values, cumulative, cumulative, longest, longest)
    return found  # type: ignore[no-any-return]


def _flex(queries: Tensor, keys: Tensor, values: Tensor, bounds: tuple[int, ...]) -> Tensor:
    from torch.nn.attention.flex_attention import flex_attention

    mask = _block_mask(bounds, queries.device)
    attend = torch.compile(flex_attention) if queries.device.type == "cuda" else flex_attention
    rows = [one.transpose(0, 1)[None] for one in (queries, keys, values)]
    found: Any = attend(rows[0], rows[1], rows[2], block_mask=mask)
    return found[0].transpose(0, 1)  # type: ignore[no-any-return]


@lru_cache(maxsize=16)
def _block_mask(bounds: tuple[int, ...], device: torch.device) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    lengths = torch.tensor([end - start for start, end in pairwise(bounds)], device=device)
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=device), lengths)

    def same(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return owner[query] == owner[key]

    return create_block_mask(same, None, None, bounds[-1], bounds[-1], device=str(device))
