"""How many requests fit an engine at once on a GPU: weights and KV cache, computed from the published sizes.

Two bytes per parameter and per element of the KV cache (bfloat16). Of the engine's memory (`gpu_memory_utilization`)
`RESERVE` is kept for activations, images and CUDA graphs; that is an allowance, not a measurement.

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
    """A model's parameters, and its KV cache per token: keys and values of `heads` x `head_width` per layer."""

    parameters: float
    layers: int
    heads: int
    head_width: int = 128

    @property
    def weights(self) -> float:
        """Size of the weights in bytes."""
        return 2 * self.parameters

    @property
    def per_token(self) -> int:
        """Size of the KV cache of one token in bytes."""
        return 2 * 2 * self.layers * self.heads * self.head_width

    def tokens(self, gigabytes: float) -> int:
        """Tokens in the KV cache on a GPU with so much memory; 0 if the weights alone do not fit."""
        return max(0, int((gigabytes * SHARE * _GIGA - self.weights - RESERVE) // self.per_token))


# From the configurations published with the weights.
SIZES: Mapping[str, Sizes] = {
    "Qwen/Qwen2.5-VL-7B-Instruct": Sizes(parameters=8.29e9, layers=28, heads=4),
    "Qwen/Qwen3-VL-8B-Instruct": Sizes(parameters=8.77e9, layers=36, heads=8),
    "Qwen/Qwen3-8B": Sizes(parameters=8.19e9, layers=36, heads=8),
    "meta-llama/Llama-3.1-8B-Instruct": Sizes(parameters=8.03e9, layers=32, heads=8),
}
# Most tokens of a request with its answer: one still of 768 image tokens; eight of them; a sample's notes.
_QUESTIONS = {True: {"a still": 1430, "eight stills": 6810}, False: {"a sample's notes": 2200}}


def table() -> str:
    """A Markdown table: per model and GPU the weights, the KV cache, and how many requests it holds at once."""
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
