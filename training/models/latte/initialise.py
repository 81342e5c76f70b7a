"""The weights that training from scratch starts with, as the papers' codes have them, by a seed.

Xavier for what multiplies tokens; time and caption networks N(0, 0.02); all modulation, the last layer and attention to
captions zero, so that every block is the identity at first (DiT 2212.09748, PixArt-alpha 2310.00426, Latte 2401.03048).

    python -m pytest tests/training/models/latte/test_initialise.py
"""

import torch
from torch import Tensor, nn

from training.models.latte.model import Latte

_ZERO = (
    "scale_shift_table",
    "adaln_single.linear.",
    "adaln_single.temporal_linear.",
    "modulation.linear.",
    "proj_out.",
    "attn2.to_out.",
    "temporal_adapter.rate.linear_2.",
    "temporal_adapter.count.linear_2.",
)
_SMALL = ("timestep_embedder.", "caption_projection.", "class_embedding.", "temporal_adapter.", "pos_embed.pos_embed")
_DEVIATION = 0.02


def initialise(model: Latte, seed: int) -> None:
    """Give the model its first weights."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        set_first_weight(name, weight, generator)


@torch.no_grad()
def set_first_weight(name: str, weight: Tensor, generator: torch.Generator, *, kaiming: bool = False) -> None:
    """Fill one parameter by what its name says that it is."""
    if any(part in name for part in _ZERO):
        weight.zero_()
    elif name.endswith(("temporal_position_gate", "norm1.weight", "norm2.weight", "norm.weight", "norm_out.weight")):
        weight.fill_(1.0)
    elif weight.ndim >= 2:
        small = any(part in name for part in _SMALL)
        drawn = torch.empty(weight.shape[0], weight[0].numel())
        if small:
            drawn.normal_(0, _DEVIATION, generator=generator)
        elif kaiming:
            nn.init.kaiming_uniform_(drawn, nonlinearity="linear", generator=generator)
        else:
            nn.init.xavier_uniform_(drawn, generator=generator)
        weight.copy_(drawn.view_as(weight))
    else:
        weight.zero_()
