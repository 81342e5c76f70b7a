"""How a small model is fine-tuned; imports nothing heavy, so that a command line is checked without torch.

just distill summariser <dataset> --rank 32
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to fine-tune. Rank 16 on all linear layers but the output; the rate falls linearly after a short warm-up."""

    rank: int = 16
    rate: float = 5e-4
    batch: int = 8
    epochs: int = 3
    checks_per_epoch: int = 2
    patience: int = 3
    held_out_share: float = 0.1
    most_held_out: int = 64
    seed: int = 0
