"""SAT's names become ours and lose nothing: a checkpoint in SAT's form gives diffusers' outputs."""

from pathlib import Path

import pytest
import torch
from diffusers import CogVideoXTransformer3DModel
from torch import Tensor

from schemas.errors import ConfigError
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.load import load_transformer
from training.models.cogvideox.model import CogVideoX
from training.models.cogvideox.positions import rotary, sincos
from training.models.cogvideox.sat import from_sat
from training.models.segment import Segment

EPSILON = 1e-6  # of SAT's layer norms
SMALL = {
    "2b": CogVideoXConfig(
        heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16, positions="sincos", norm_epsilon=EPSILON
    ),
    "5b": CogVideoXConfig(heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16, norm_epsilon=EPSILON),
    "1.5": CogVideoXConfig(
        heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16, patch_frames=2, flat_patch=True,
        text_length=224, norm_epsilon=EPSILON,
    ),
    "1.5 image to video": CogVideoXConfig(
        heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16, patch_frames=2, flat_patch=True,
        text_length=224, in_channels=32, ofs_embed_dim=16, norm_epsilon=EPSILON,
    ),
}  # fmt: skip


def sat_form(state: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """diffusers' weights as SAT's modules hold them, written down from the modules' definitions."""
    left = dict(state)
    renamed: dict[str, Tensor] = {}

    def take(name: str, sat: str) -> None:
        for suffix in ("weight", "bias"):
            if f"{name}.{suffix}" in left:
                renamed[f"{sat}.{suffix}"] = left.pop(f"{name}.{suffix}")

    for block in range(layers):
        ours, layer, mixin = f"transformer_blocks.{block}", f"transformer.layers.{block}", "mixins.adaln_layer"
        for suffix in ("weight", "bias"):
            renamed[f"{layer}.attention.query_key_value.{suffix}"] = torch.cat(
                [left.pop(f"{ours}.attn1.to_{letter}.{suffix}") for letter in "qkv"]
            )
            named: dict[str, Tensor] = {}
            for norm, what in ((1, "msa"), (2, "mlp")):
                parts = left.pop(f"{ours}.norm{norm}.linear.{suffix}").chunk(6)
                orders = ("shift", "scale", "gate", "text_shift", "text_scale", "text_gate")
                named |= {f"{order}_{what}": part for order, part in zip(orders, parts, strict=True)}
            unpacked = (
                "shift_msa scale_msa gate_msa shift_mlp scale_mlp gate_mlp text_shift_msa text_scale_msa "
                "text_gate_msa text_shift_mlp text_scale_mlp text_gate_mlp"
            )
            renamed[f"{mixin}.adaLN_modulations.{block}.1.{suffix}"] = torch.cat(
                [named[part] for part in unpacked.split()]
            )
        take(f"{ours}.norm1.norm", f"{layer}.input_layernorm")
        take(f"{ours}.norm2.norm", f"{layer}.post_attention_layernorm")
        take(f"{ours}.attn1.to_out.0", f"{layer}.attention.dense")
        take(f"{ours}.attn1.norm_q", f"{mixin}.query_layernorm_list.{block}")
        take(f"{ours}.attn1.norm_k", f"{mixin}.key_layernorm_list.{block}")
        take(f"{ours}.ff.net.0.proj", f"{layer}.mlp.dense_h_to_4h")
        take(f"{ours}.ff.net.2", f"{layer}.mlp.dense_4h_to_h")
    take("time_embedding.linear_1", "time_embed.0")
    take("time_embedding.linear_2", "time_embed.2")
    take("ofs_embedding.linear_1", "ofs_embed.0")
    take("ofs_embedding.linear_2", "ofs_embed.2")
    take("patch_embed.proj", "mixins.patch_embed.proj")
    take("patch_embed.text_proj", "mixins.patch_embed.text_proj")
    take("norm_final", "transformer.final_layernorm")
    take("norm_out.norm", "mixins.final_layer.norm_final")
    take("norm_out.linear", "mixins.final_layer.adaLN_modulation.1")
    take("proj_out", "mixins.final_layer.linear")
    assert not left, f"the test forgot {list(left)}"
    return {f"model.diffusion_model.{name}": weight for name, weight in renamed.items()}


def theirs_of(config: CogVideoXConfig) -> CogVideoXTransformer3DModel:
    torch.manual_seed(0)
    model = CogVideoXTransformer3DModel(**config.to_diffusers()).eval()
    with torch.no_grad():
        for weight in model.parameters():  # layer norms and biases too differ from one another
            weight.add_(torch.randn_like(weight) * 0.05)
    return model


@pytest.mark.parametrize("name", SMALL)
def test_a_sat_checkpoint_gives_the_outputs_of_the_model_it_was_made_of(name: str, tmp_path: Path) -> None:
    config = SMALL[name]
    theirs = theirs_of(config)
    state = sat_form(theirs.state_dict(), config.layers)
    if config.positions == "sincos":
        table = sincos((13, 30, 45), config.width, 1.875, 1.0)
        state["model.diffusion_model.mixins.pos_embed.pos_embedding"] = torch.cat(
            [torch.zeros(226, config.width), table]
        )[None].half()
    else:
        state["model.diffusion_model.mixins.pos_embed.freqs_cos"] = torch.zeros(3)
    state["conditioner.embedders.0.transformer.shared.weight"] = torch.zeros(2)
    (tmp_path / "1000").mkdir()
    torch.save({"module": state, "iteration": 7}, tmp_path / "1000/mp_rank_00_model_states.pt")
    (tmp_path / "latest").write_text("1000\n")

    read_config, weights = load_transformer(tmp_path, "rotary")
    assert read_config == config
    assert load_transformer(tmp_path / "1000", "rotary")[1].keys() == weights.keys()
    ours = CogVideoX(read_config)
    ours.load_state_dict(weights)
    shape = (4, config.in_channels, 4, 6)
    length = config.text_length if config.positions == "sincos" else 5
    latents, text = torch.randn(shape), torch.randn(length, 24)
    grid = (4 // config.patch_frames, 2, 3)
    with torch.no_grad():
        expected = theirs(
            latents[None],
            text[None],
            torch.tensor([77]),
            ofs=torch.tensor([2.0]) if config.ofs_embed_dim else None,
            image_rotary_emb=rotary(grid, 32) if config.positions == "rotary" else None,
        ).sample[0]
        (output,) = ours([Segment(latents, text, 77)])
    assert (output - expected).abs().max() < 1e-5


def test_unknown_and_missing_names_are_said(tmp_path: Path) -> None:
    state = sat_form(theirs_of(SMALL["5b"]).state_dict(), 2)
    prefix = "model.diffusion_model."
    extra = {**state, f"{prefix}transformer.layers.1.attention.query_key_value.matrix_A.0": torch.zeros(1)}
    with pytest.raises(ConfigError, match=r"unknown: model\.diffusion_model\.\S*matrix_A\.0"):
        from_sat(extra, "rotary")
    del state[f"{prefix}transformer.layers.1.attention.dense.bias"]
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(ConfigError, match=r"missing: transformer_blocks\.1\.attn1\.to_out\.0\.bias"):
        load_transformer(tmp_path / "weights.pt", "rotary")
    del state[f"{prefix}mixins.patch_embed.text_proj.weight"]
    with pytest.raises(ConfigError, match=r"missing: patch_embed\.text_proj\.weight"):
        from_sat(state, "rotary")


def test_positions_are_never_guessed() -> None:
    state = sat_form(theirs_of(SMALL["5b"]).state_dict(), 2)
    with pytest.raises(ConfigError, match="2 heads and 2 layers: not a published model"):
        from_sat(state)
    learned = {**state, "model.diffusion_model.mixins.pos_embed.pos_embedding": torch.randn(1, 226 + 13 * 30 * 45, 64)}
    with pytest.raises(ConfigError, match="learned positions"):
        from_sat(learned)


def test_a_file_that_runs_code_is_refused(tmp_path: Path) -> None:
    torch.save({"module": {"model": print}}, tmp_path / "bad.pt")
    with pytest.raises(ConfigError, match="weights_only"):
        load_transformer(tmp_path / "bad.pt")
    with pytest.raises(ConfigError, match="does not exist"):
        load_transformer(tmp_path / "none.pt")
