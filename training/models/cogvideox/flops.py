"""FLOPs of a step, for model FLOPs utilisation (MFU) and for assigning packs to ranks.

Forward, per segment of S tokens: 2 (P - P_modulation) S + 4 S^2 width layers. The adaptive norms run once per clip, not
once per token; counting them per token overestimates by 14 to 21 %. A backward pass costs two forward passes.

    python -m training.models.cogvideox.flops 5b 17776
"""

import sys
from collections.abc import Sequence

from training.models.cogvideox.config import PRESETS, CogVideoXConfig


def forward_flops(config: CogVideoXConfig, length: int) -> float:
    """FLOPs of one forward pass over a segment of `length` tokens."""
    dense = 2.0 * (config.parameters - config.modulation_parameters) * length
    return dense + 4.0 * length**2 * config.width * config.layers


def training_flops(config: CogVideoXConfig, lengths: Sequence[int]) -> float:
    """FLOPs of a forward and a backward pass over a pack's segments of `lengths` tokens."""
    return 3 * sum(forward_flops(config, length) for length in lengths)


def main() -> None:
    """Print the cost of one segment."""
    preset, length = sys.argv[1], int(sys.argv[2])
    print(f"{forward_flops(PRESETS[preset], length) / 1e12:.1f} TFLOP forward for {length} tokens of {preset}")


if __name__ == "__main__":
    main()
