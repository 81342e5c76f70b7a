"""Initialises a Latte from PixArt-alpha: at step 0 every frame equals the image model's output.

PixArt's blocks become the spatial ones under their own names. The temporal layers are new and contribute nothing at
first: their outputs are zero, and so is the gate on the temporal positions. diffusers' class has no gate, so the
positions alone change its output (by 0.9 on a random model).

    started = start_from_pixart(LatteConfig.from_pixart(config_json, frames=16), state_dict, seed=0)
    model.load_state_dict(started.weights)
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
# The 1024-pixel model is conditioned on the image's size and aspect; Latte is not.
_DROPPED = ("adaln_single.emb.resolution_embedder.*", "adaln_single.emb.aspect_ratio_embedder.*")
_SILENT = (
    "temporal_transformer_blocks.*.attn1.to_out.0.*",
    "temporal_transformer_blocks.*.ff.net.2.*",
    "transformer_blocks.*.temporal_attn.to_out.0.*",
    "text_adapter.*",
    GATE,
)
_TABLES = "*temporal*scale_shift_table"
_LISTED = 12  # names that an error lists before it counts the rest

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """All of a Latte's weights, the names of the new ones, and the names of the image model's that were dropped."""

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

    Also takes the spatial part of a Latte (`without_time`). `temporal` names the distribution of new weights that do
    not start at zero. Raises `ConfigError` with the names of unexpected, missing and differently shaped weights.
    """
    with torch.device("meta"):
        expected = dict(Latte(config).named_parameters())
    new = tuple(name for name in expected if _matches(name, _NEW))
    state = {name: weight for name, weight in state.items() if name not in _UNUSED}
    dropped = tuple(name for name in state if _matches(name, _DROPPED))
    _check(expected, new, {name: weight for name, weight in state.items() if name not in dropped})
    if dropped:
        _log.warning(
            "%d weights for the image's size and aspect are dropped (%s, ...): Latte has no such embedding, so step 0 "
            "differs from the 1024-pixel model's output; the 256- and 512-pixel models have none either",
            len(dropped),
            dropped[0],
        )
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in expected.items():
        weights[name] = _new(name, shape.shape, generator, temporal == "kaiming") if name in new else state[name]
    return Started(weights, new, dropped)


def without_time(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The image model inside a Latte of variants 1 to 3: its weights without the temporal ones, in PixArt's names."""
    return {name: weight for name, weight in state.items() if "temporal" not in name}


def _new(name: str, shape: torch.Size, generator: torch.Generator, kaiming: bool) -> Tensor:
    weight = torch.empty(shape)
    if _matches(name, _SILENT):
        return weight.zero_()
    if fnmatchcase(name, _TABLES):
        # Not zero: the output layer is zero already, and with a zero gate as well neither would get a gradient.
        return weight.normal_(0, shape[-1] ** -0.5, generator=generator)
    set_first_weight(name, weight, generator, kaiming=kaiming)
    return weight


def _check(expected: Mapping[str, Tensor], new: Iterable[str], state: Mapping[str, Tensor]) -> None:
    unexpected = [name for name in state if name not in expected or name in new]
    missing = [name for name in expected if name not in state and name not in new]
    wrong = [
        f"{name} {list(state[name].shape)} (here {list(weight.shape)})"
        for name, weight in expected.items()
        if name in state and state[name].shape != weight.shape
    ]
    faults = {"unexpected weights:": unexpected, "missing weights:": missing, "other shapes:": wrong}
    messages = [f"{fault} {_names(names)}" for fault, names in faults.items() if names]
    if messages:
        raise ConfigError(
            f"these PixArt-alpha weights do not fit this Latte: {'; '.join(messages)}. Take the configuration from the "
            "checkpoint's own config.json (LatteConfig.from_pixart)"
        )


def _names(names: list[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
