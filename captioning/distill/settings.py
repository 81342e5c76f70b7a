"""How a small model is fine-tuned; imports nothing heavy, so that a command line is checked without torch.

just distill summariser <dataset> --rank 32
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Hyper-parameters. LoRA is on all linear layers but the output; the rate decays linearly after a short warm-up.

    `rate` is the peak learning rate, `checks_per_epoch` how often the held-out loss is measured, `patience` after how
    many checks without a gain the training stops. `held_out_share` of the sources is held out, of which at most
    `most_held_out` pairs are measured.
    """

    rank: int = 16
    rate: float = 5e-4
    batch: int = 8
    epochs: int = 3
    checks_per_epoch: int = 2
    patience: int = 3
    held_out_share: float = 0.1
    most_held_out: int = 64
    seed: int = 0
