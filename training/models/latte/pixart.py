"""A Latte that begins as PixArt-alpha: every frame comes out as the picture model alone would have it.

PixArt's blocks become the spatial ones under their own names. What a clip has beyond pictures is new, and says nothing
at first: the outputs of temporal layers are zero, and so is the gate before the temporal positions. diffusers' class
has no gate, so its positions alone move the pictures (by 0.9 on a random model).

    started = start_from_pixart(LatteConfig.from_pixart(config_json, frames=16), state_dict, seed=0)
    model.load_state_dict(started.weights)

    python -m pytest tests/training/models/latte/test_pixart.py
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import torch
from torch import Tensor

from schemas.errors import ConfigError
from training.models.latte.config import LatteConfig
from training.models.latte.initialise import set_first_weight
from training.models.latte.model import Latte
from training.models.latte.weights import GATE

_NEW = ("*temporal*", "text_adapter.*")
# The released weights' learned empty caption, which diffusers does not use either.
_UNUSED = ("caption_projection.y_embedding",)
# The 1024-pixel model is told the picture's size and aspect; Latte has no place for them.
_DROPPED = ("adaln_single.emb.resolution_embedder.*", "adaln_single.emb.aspect_ratio_embedder.*")
_SILENT = (
    "temporal_transformer_blocks.*.attn1.to_out.0.*",
    "temporal_transformer_blocks.*.ff.net.2.*",
    "transformer_blocks.*.temporal_attn.to_out.0.*",
    "text_adapter.*",
    GATE,
)
_TABLES = "*temporal*scale_shift_table"
_TOLD = 12  # names that an error lists before it counts the rest

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """All of a Latte's weights, the names of those that are new, and the picture model's that found no place."""

    weights: dict[str, Tensor]
    new: tuple[str, ...]
    dropped: tuple[str, ...]


def start_from_pixart(
    config: LatteConfig,
    state: Mapping[str, Tensor],
    seed: int,
    temporal: Literal["xavier", "kaiming"] = "xavier",
) -> Started:
    """Weights for `Latte(config)` from a state dict of diffusers' `PixArtTransformer2DModel`.

    Also takes the spatial part of a Latte (`without_time`). `temporal` draws what is new and not zero. Raises
    `ConfigError` with the names, where the checkpoint has weights without a place, lacks some, or has other shapes.
    """
    with torch.device("meta"):
        wanted = dict(Latte(config).named_parameters())
    new = tuple(name for name in wanted if _matches(name, _NEW))
    state = {name: weight for name, weight in state.items() if name not in _UNUSED}
    dropped = tuple(name for name in state if _matches(name, _DROPPED))
    _check(wanted, new, {name: weight for name, weight in state.items() if name not in dropped})
    if dropped:
        _log.warning(
            "%d weights for the picture's size and aspect are dropped (%s, ...): Latte has no place for them, and the "
            "frames differ from the 1024-pixel model's at first; the 256- and 512-pixel ones have none",
            len(dropped),
            dropped[0],
        )
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in wanted.items():
        weights[name] = _new(name, shape.shape, generator, temporal == "kaiming") if name in new else state[name]
    return Started(weights, new, dropped)


def without_time(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The picture model inside a Latte of variants 1 to 3: its weights without the temporal ones, in PixArt's names."""
    return {name: weight for name, weight in state.items() if "temporal" not in name}


def _new(name: str, shape: torch.Size, generator: torch.Generator, kaiming: bool) -> Tensor:
    weight = torch.empty(shape)
    if _matches(name, _SILENT):
        return weight.zero_()
    if fnmatchcase(name, _TABLES):
        # Not zero, as gates of layers that are silent and gated away would never learn.
        return weight.normal_(0, shape[-1] ** -0.5, generator=generator)
    set_first_weight(name, weight, generator, kaiming=kaiming)
    return weight


def _check(wanted: Mapping[str, Tensor], new: Iterable[str], state: Mapping[str, Tensor]) -> None:
    unexpected = [name for name in state if name not in wanted or name in new]
    missing = [name for name in wanted if name not in state and name not in new]
    wrong = [
        f"{name} {list(state[name].shape)} (here {list(weight.shape)})"
        for name, weight in wanted.items()
        if name in state and state[name].shape != weight.shape
    ]
    faults = {"has no place for": unexpected, "lacks": missing, "differs in shape in": wrong}
    said = [f"{fault} {_names(names)}" for fault, names in faults.items() if names]
    if said:
        raise ConfigError(
            f"no PixArt-alpha for this Latte: {'; '.join(said)}. Take the configuration from the checkpoint's own "
            "config.json (LatteConfig.from_pixart)"
        )


def _names(names: list[str]) -> str:
    more = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {more} more" if more > 0 else "")


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
