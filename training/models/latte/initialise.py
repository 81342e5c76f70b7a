"""Initial weights for training from scratch, as in the papers' code, determined by a seed.

Xavier for layers applied to tokens; N(0, 0.02) for the timestep and caption networks; zero for all modulation, the last
layer and the outputs of cross-attention, so that every block starts as the identity (DiT 2212.09748, PixArt-alpha
2310.00426, Latte 2401.03048).

    initialise(model, seed=0)
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
    """Set the model's initial weights, in place."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        set_first_weight(name, weight, generator)


@torch.no_grad()
def set_first_weight(name: str, weight: Tensor, generator: torch.Generator, *, kaiming: bool = False) -> None:
    """Fill one parameter in place; its name selects the distribution. `kaiming` replaces Xavier."""
    if any(part in name for part in _ZERO):
        weight.zero_()
    elif name.endswith(("temporal_position_gate", "norm1.weight", "norm2.weight", "norm.weight", "norm_out.weight")):
        weight.fill_(1.0)
    elif weight.ndim >= 2:
        small = any(part in name for part in _SMALL)
        values = torch.empty(weight.shape[0], weight[0].numel())
        if small:
            values.normal_(0, _DEVIATION, generator=generator)
        elif kaiming:
            nn.init.kaiming_uniform_(values, nonlinearity="linear", generator=generator)
        else:
            nn.init.xavier_uniform_(values, generator=generator)
        weight.copy_(values.view_as(weight))
    else:
        weight.zero_()
