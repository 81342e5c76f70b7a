"""How many questions an engine answers at once on a GPU: weights and cache, counted from the published sizes.

Two bytes per weight and per number of the cache (bfloat16); of the memory that `gpu_memory_utilization` leaves to the
engine, `RESERVE` is set aside for activations, pictures and graphs, which is an allowance and no measurement.

    python -m captioning.engine_memory          # the table of docs/gpu.md
"""

from collections.abc import Mapping
from dataclasses import dataclass

from captioning.presets import PRESETS

_GIGA = 2**30
RESERVE = 2 * _GIGA
SHARE = 0.9
"""vLLM's `gpu_memory_utilization`, as the presets set it."""
GPUS = (24, 80)
"""Gigabytes (2^30) of the GPUs in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """A model's weights, and what its cache holds per token: keys and values of `heads` x `head_width` per layer."""

    parameters: float
    layers: int
    heads: int
    head_width: int = 128

    @property
    def weights(self) -> float:
        """Bytes."""
        return 2 * self.parameters

    @property
    def per_token(self) -> int:
        """Bytes of the cache for one token."""
        return 2 * 2 * self.layers * self.heads * self.head_width

    def tokens(self, gigabytes: float) -> int:
        """Tokens that the cache of a GPU of this size holds; 0 where the weights alone do not fit."""
        return max(0, int((gigabytes * SHARE * _GIGA - self.weights - RESERVE) // self.per_token))


# From the configurations that are published with the weights.
SIZES: Mapping[str, Sizes] = {
    "Qwen/Qwen2.5-VL-7B-Instruct": Sizes(parameters=8.29e9, layers=28, heads=4),
    "Qwen/Qwen3-VL-8B-Instruct": Sizes(parameters=8.77e9, layers=36, heads=8),
    "Qwen/Qwen3-8B": Sizes(parameters=8.19e9, layers=36, heads=8),
    "meta-llama/Llama-3.1-8B-Instruct": Sizes(parameters=8.03e9, layers=32, heads=8),
}
# Tokens of a question with its answer, at the most: one still of 768 picture tokens; eight of them; a sample's notes.
_QUESTIONS = {True: {"a still": 1430, "eight stills": 6810}, False: {"a sample's notes": 2200}}


def table() -> str:
    """Markdown: per model and GPU the weights, the cache, and how many questions it holds at once."""
    lines = [
        "| model | weights | cache per token | GPU | cache | questions at once |",
        "|---|---|---|---|---|---|",
    ]
    for preset in PRESETS:
        sizes = SIZES[preset.name]
        for gigabytes in GPUS:
            room = sizes.tokens(gigabytes)
            asked = ", ".join(f"{room // size:,} of {what}" for what, size in _QUESTIONS[preset.vision].items())
            lines.append(
                f"| `{preset.name}` | {sizes.weights / _GIGA:.1f} GB | {sizes.per_token / 1024:.0f} KB "
                f"| {gigabytes} GB | {room * sizes.per_token / _GIGA:.1f} GB, {room:,} tokens | {asked} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
