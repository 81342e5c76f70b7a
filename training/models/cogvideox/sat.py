"""Converts SAT checkpoints, the format in which CogVideoX's authors train and release, to diffusers' names.

SAT stores queries, keys and values in one matrix, and all twelve parts of a block's modulation (attention and
feed-forward, vision and text) in another; diffusers' format has them separate. The file states neither the head
dimension nor the kind of position embedding: sizes follow from shapes, positions from the stored table or from the
published models.

    config, state = from_sat(torch.load("mp_rank_00_model_states.pt", weights_only=True)["module"])
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
_OUT_CHANNELS, _PATCH = 16, 2  # not recoverable from the shapes of a linear patch embedding


class _Part(NamedTuple):
    """One of diffusers' weights: its name, and the equal row blocks of a SAT weight that it is made of."""

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
# `#` is the block's number. The modulation's parts are shift, scale, gate of vision's attention, then of its
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
    """Config and weights, under diffusers' names, of a SAT state dict. `positions` is needed for unpublished sizes.

    Raises `ConfigError` naming unknown keys; `fit.check_fit` names missing ones.
    """
    weights: dict[str, Tensor] = {}
    unknown: list[str] = []
    table = None
    for key, weight in state.items():
        name = key.removeprefix(_PREFIX)
        if name == _TABLE:
            table = weight
        elif name.startswith(_OTHER_NETWORKS) or name in _NO_WEIGHTS:
            continue
        elif translated := _translate(name, weight):
            weights.update(translated)
        else:
            unknown.append(key)
    if unknown:
        raise ConfigError(f"SAT checkpoint: unknown: {listed(unknown)}")
    return _config(weights, table, positions), weights


def _translate(name: str, weight: Tensor) -> dict[str, Tensor]:
    layer, _, suffix = name.rpartition(".")
    if layer in _OUTSIDE:
        return {f"{_OUTSIDE[layer]}.{suffix}": weight}
    number = re.search(r"\.(\d+)(?=\.|$)", layer)
    pattern = f"{layer[: number.start(1)]}#{layer[number.end(1) :]}" if number else ""
    if number is None or pattern not in _BLOCKS:
        return {}
    targets = _BLOCKS[pattern]
    pieces = weight.chunk(sum(len(target.parts) for target in targets))
    return {
        f"transformer_blocks.{number[1]}.{target.name}.{suffix}": torch.cat([pieces[part] for part in target.parts])
        for target in targets
    }


def _config(weights: Mapping[str, Tensor], table: Tensor | None, positions: Positions | None) -> CogVideoXConfig:
    def shape(name: str) -> tuple[int, ...]:
        if name not in weights:
            raise ConfigError(f"SAT checkpoint: missing: {name} (diffusers' name)")
        return tuple(weights[name].shape)

    width, text_dim = shape("patch_embed.text_proj.weight")
    head_dim = shape("transformer_blocks.0.attn1.norm_q.weight")[0]
    patch, out = shape("patch_embed.proj.weight"), shape("proj_out.weight")[0]
    flat = len(patch) == 2
    side = _PATCH if flat else patch[2]
    frames = out // (_OUT_CHANNELS * side**2) if flat else 1
    heads = width // head_dim
    layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("transformer_blocks."))
    offset = "ofs_embedding.linear_1.weight"
    return CogVideoXConfig(
        heads=heads,
        head_dim=head_dim,
        layers=layers,
        in_channels=patch[1] // (frames * side**2) if flat else patch[1],
        out_channels=out // (frames * side**2),
        text_dim=text_dim,
        text_length=PRESETS["1.5-5b" if flat else "2b"].text_length,
        time_embed_dim=shape("time_embedding.linear_2.weight")[0],
        ofs_embed_dim=shape(offset)[1] if offset in weights else 0,
        patch=side,
        patch_frames=frames,
        flat_patch=flat,
        positions=_positions(width, heads, layers, table, positions),
        attention_bias="transformer_blocks.0.attn1.to_q.bias" in weights,
        patch_bias="patch_embed.proj.bias" in weights,
        norm_epsilon=_NORM_EPSILON,
    )


def _positions(width: int, heads: int, layers: int, table: Tensor | None, stated: Positions | None) -> Positions:
    if table is not None:
        fixed = sincos(_TABLE_GRID, width, PRESETS["2b"].spatial_scale, PRESETS["2b"].temporal_scale)
        stored = table.float().flatten(0, -2)[-len(fixed) :]
        if stored.shape != fixed.shape or (stored - fixed).abs().max() > 1e-2:
            raise ConfigError(
                f"SAT checkpoint: {_TABLE} {list(table.shape)} is not 2B's sin-cos table; learned positions "
                "(CogVideoX-5B image to video) are not supported"
            )
        return "sincos"
    published = {(config.heads, config.layers): config.positions for config in PRESETS.values()}
    chosen = stated or published.get((heads, layers))
    if chosen is None:
        raise ConfigError(
            f"SAT checkpoint of {heads} heads and {layers} layers: not a published model, and the file does not state "
            "its position embedding; set positions to sincos or rotary"
        )
    return chosen
