"""SAT checkpoints, the form in which CogVideoX's authors train and release: their names as ours.

SAT keeps queries, keys and values in one matrix, and the modulation of a block's attention and feed-forward, for vision
and for text, in one of twelve parts; ours (diffusers') has them apart. Nothing in the file says how large a head is or
which positions the model has: sizes follow from shapes, positions from the stored table or from the published models.

    python -m pytest tests/training/models/cogvideox/test_sat.py
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from schemas.errors import ConfigError
from training.checkpoints.fit import listed
from training.models.cogvideox.config import PRESETS, CogVideoXConfig, Positions
from training.models.cogvideox.positions import Grid, sincos

_PREFIX = "model.diffusion_model."
_OTHER_NETWORKS = ("conditioner.", "first_stage_model.")  # text encoder and VAE, where a file holds them too
_TABLE = "mixins.pos_embed.pos_embedding"
# Tables that follow from the sizes, and SAT's own embeddings, which the mixins replace.
_NO_WEIGHTS = (
    "mixins.pos_embed.freqs_sin",
    "mixins.pos_embed.freqs_cos",
    "transformer.position_embeddings.weight",
    "transformer.word_embeddings.weight",
)
_TABLE_GRID: Grid = (13, 30, 45)  # 2B's 49 frames of 480x720
_NORM_EPSILON = 1e-6  # SAT's layer norms; diffusers' releases of the same weights say 1e-5
_OUT_CHANNELS, _PATCH = 16, 2  # what a flat patch does not tell


class _Part(NamedTuple):
    """One of our weights: its name and which of a SAT weight's equal rows of parts it is made of."""

    name: str
    parts: tuple[int, ...] = (0,)


_OUTSIDE = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "ofs_embed.0": "ofs_embedding.linear_1",
    "ofs_embed.2": "ofs_embedding.linear_2",
    "mixins.patch_embed.proj": "patch_embed.proj",
    "mixins.patch_embed.text_proj": "patch_embed.text_proj",
    "transformer.final_layernorm": "norm_final",
    "mixins.final_layer.norm_final": "norm_out.norm",
    "mixins.final_layer.adaLN_modulation.1": "norm_out.linear",
    "mixins.final_layer.linear": "proj_out",
}
# `#` is the number of the block. The modulation's parts are shift, scale, gate of vision's attention, then of its
# feed-forward, then the same six of text; `norm1` takes those of attention, `norm2` those of the feed-forward.
_BLOCKS = {
    "transformer.layers.#.input_layernorm": (_Part("norm1.norm"),),
    "transformer.layers.#.post_attention_layernorm": (_Part("norm2.norm"),),
    "transformer.layers.#.attention.query_key_value": (
        _Part("attn1.to_q", (0,)),
        _Part("attn1.to_k", (1,)),
        _Part("attn1.to_v", (2,)),
    ),
    "transformer.layers.#.attention.dense": (_Part("attn1.to_out.0"),),
    "transformer.layers.#.mlp.dense_h_to_4h": (_Part("ff.net.0.proj"),),
    "transformer.layers.#.mlp.dense_4h_to_h": (_Part("ff.net.2"),),
    "mixins.adaln_layer.adaLN_modulations.#.1": (
        _Part("norm1.linear", (0, 1, 2, 6, 7, 8)),
        _Part("norm2.linear", (3, 4, 5, 9, 10, 11)),
    ),
    "mixins.adaln_layer.query_layernorm_list.#": (_Part("attn1.norm_q"),),
    "mixins.adaln_layer.key_layernorm_list.#": (_Part("attn1.norm_k"),),
}


def from_sat(
    state: Mapping[str, Tensor], positions: Positions | None = None
) -> tuple[CogVideoXConfig, dict[str, Tensor]]:
    """Config and our weights of a SAT state dict. `positions` is needed for sizes that were never published.

    Raises `ConfigError` naming the keys that are not known; `fit.check_fit` names those that are missing.
    """
    ours: dict[str, Tensor] = {}
    unknown: list[str] = []
    table = None
    for key, weight in state.items():
        name = key.removeprefix(_PREFIX)
        if name == _TABLE:
            table = weight
        elif name.startswith(_OTHER_NETWORKS) or name in _NO_WEIGHTS:
            continue
        elif found := _translate(name, weight):
            ours.update(found)
        else:
            unknown.append(key)
    if unknown:
        raise ConfigError(f"SAT checkpoint: unknown: {listed(unknown)}")
    return _config(ours, table, positions), ours


def _translate(name: str, weight: Tensor) -> dict[str, Tensor]:
    layer, _, kind = name.rpartition(".")
    if layer in _OUTSIDE:
        return {f"{_OUTSIDE[layer]}.{kind}": weight}
    number = re.search(r"\.(\d+)(?=\.|$)", layer)
    pattern = f"{layer[: number.start(1)]}#{layer[number.end(1) :]}" if number else ""
    if number is None or pattern not in _BLOCKS:
        return {}
    targets = _BLOCKS[pattern]
    pieces = weight.chunk(sum(len(target.parts) for target in targets))
    return {
        f"transformer_blocks.{number[1]}.{target.name}.{kind}": torch.cat([pieces[part] for part in target.parts])
        for target in targets
    }


def _config(ours: Mapping[str, Tensor], table: Tensor | None, positions: Positions | None) -> CogVideoXConfig:
    def shape(name: str) -> tuple[int, ...]:
        if name not in ours:
            raise ConfigError(f"SAT checkpoint: missing: {name}, by its name here")
        return tuple(ours[name].shape)

    width, text_width = shape("patch_embed.text_proj.weight")
    head_width = shape("transformer_blocks.0.attn1.norm_q.weight")[0]
    patch, out = shape("patch_embed.proj.weight"), shape("proj_out.weight")[0]
    flat = len(patch) == 2
    side = _PATCH if flat else patch[2]
    frames = out // (_OUT_CHANNELS * side**2) if flat else 1
    heads = width // head_width
    layers = 1 + max(int(name.split(".")[1]) for name in ours if name.startswith("transformer_blocks."))
    offset = "ofs_embedding.linear_1.weight"
    return CogVideoXConfig(
        heads=heads,
        head_width=head_width,
        layers=layers,
        in_channels=patch[1] // (frames * side**2) if flat else patch[1],
        out_channels=out // (frames * side**2),
        text_width=text_width,
        text_length=PRESETS["1.5-5b" if flat else "2b"].text_length,
        time_width=shape("time_embedding.linear_2.weight")[0],
        offset_width=shape(offset)[1] if offset in ours else 0,
        patch=side,
        patch_frames=frames,
        flat_patch=flat,
        positions=_positions(width, heads, layers, table, positions),
        attention_bias="transformer_blocks.0.attn1.to_q.bias" in ours,
        patch_bias="patch_embed.proj.bias" in ours,
        norm_epsilon=_NORM_EPSILON,
    )


def _positions(width: int, heads: int, layers: int, table: Tensor | None, given: Positions | None) -> Positions:
    if table is not None:
        fixed = sincos(_TABLE_GRID, width, PRESETS["2b"].spatial_scale, PRESETS["2b"].temporal_scale)
        stored = table.float().flatten(0, -2)[-len(fixed) :]
        if stored.shape != fixed.shape or (stored - fixed).abs().max() > 1e-2:
            raise ConfigError(
                f"SAT checkpoint: {_TABLE} {list(table.shape)} is not 2B's table of sines; learned positions "
                "(CogVideoX-5B image to video) are not supported"
            )
        return "sincos"
    published = {(one.heads, one.layers): one.positions for one in PRESETS.values()}
    found = given or published.get((heads, layers))
    if found is None:
        raise ConfigError(
            f"SAT checkpoint of {heads} heads and {layers} layers: not a published model, and the file does not say "
            "which positions it has; say sincos or rotary"
        )
    return found
