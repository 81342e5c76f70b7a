"""What is exported opens in diffusers, component by component and as a pipeline, with equal outputs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXDDIMScheduler, CogVideoXPipeline, CogVideoXTransformer3DModel
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from schemas.errors import ConfigError
from training.config import EncoderSettings, LoraConfig, SamplingConfig
from training.data.shapes import ClipShape
from training.diffusion.schedule import VelocitySchedule
from training.export.adapters import merge_adapters, read_adapters
from training.export.folder import export_folder
from training.export.record import ModelRecord, read_record
from training.export.source import trained_source
from training.families.cogvideox import CogVideoXFamily
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.load import load_transformer
from training.models.cogvideox.model import CogVideoX
from training.models.lora import add_adapters, merged_state, trainable
from training.sampling import sample
from training.sampling.sample import latent_shape, sample_latents

CONFIG = CogVideoXConfig(
    heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16, text_length=6, sample_height=4, sample_width=6,
    sample_frames=9,
)  # fmt: skip
FAMILY = CogVideoXFamily(CONFIG, VelocitySchedule(1.0))
PIPELINES = {
    "5b": CONFIG,
    "2b": replace(CONFIG, positions="sincos", sample_height=8, sample_width=8),
    "1.5": replace(CONFIG, patch_frames=2, flat_patch=True, sample_height=12, sample_width=12),
}
RECORD = ModelRecord(
    snr_shift=1.0, text_length=6, recipe="demo", stage="low", step=40, data="abc", codec="linear codec"
)


def model() -> CogVideoX:
    torch.manual_seed(0)
    return CogVideoX(CONFIG)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VAE, a T5 and its tokenizer, each a few numbers large, in diffusers' form."""
    folder = tmp_path_factory.mktemp("encoders")
    torch.manual_seed(1)
    blocks = {"down_block_types": ("CogVideoXDownBlock3D",) * 4, "up_block_types": ("CogVideoXUpBlock3D",) * 4}
    AutoencoderKLCogVideoX(
        block_out_channels=(8, 8, 8, 8), norm_num_groups=2, layers_per_block=1, **blocks
    ).save_pretrained(folder / "vae")
    size = {"vocab_size": 40, "d_model": 24, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    T5EncoderModel(T5Config(**size)).save_pretrained(folder / "text_encoder")
    words = ["<pad>", "</s>", "<unk>", "▁a", "▁red", "▁car", "▁", "a", "b", "c"]
    tokenizer = T5Tokenizer(vocab=[(word, -float(rank)) for rank, word in enumerate(words)], extra_ids=0)
    tokenizer.save_pretrained(folder / "tokenizer")
    return folder


@pytest.mark.parametrize("name", PIPELINES)
def test_the_pipeline_opens_and_samples_what_our_sampler_samples(name: str, encoders: Path, tmp_path: Path) -> None:
    config = PIPELINES[name]
    settings = EncoderSettings(
        codec="cogvideox", codec_weights=str(encoders / "vae"), text="t5", text_weights=str(encoders)
    )
    torch.manual_seed(0)
    net = CogVideoX(config)
    record = RECORD.model_copy(update={"encoders": settings, "snr_shift": 3.0})
    export_folder(tmp_path / "out", CogVideoXFamily(config, VelocitySchedule(3.0)), net.state_dict(), record)
    pipeline: Any = CogVideoXPipeline.from_pretrained(tmp_path / "out", local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    assert isinstance(pipeline.vae, AutoencoderKLCogVideoX)
    assert len(pipeline.tokenizer("a red car").input_ids) > 1

    states, steps = torch.randn(2, 6, 24, generator=torch.Generator().manual_seed(4)), 4
    text, empty = states[:1], states[1]
    shape = latent_shape(config, ClipShape(48, 32, 9, 8.0))
    chosen = SamplingConfig(steps=steps, guidance=5.0, dynamic_guidance=False)
    sampled = sample_latents(net, VelocitySchedule(3.0), text, empty, shape, chosen, seed=9)
    # At the size that the model's config names, the pipeline's stretched grid is ours; 2B and 1.5 are never stretched.
    expected = pipeline(
        prompt_embeds=text,
        negative_prompt_embeds=empty[None],
        latents=sample._noise(shape, 9, range(1), 0).float(),
        height=32,
        width=48,
        num_frames=9,
        num_inference_steps=steps,
        guidance_scale=5.0,
        output_type="latent",
        max_sequence_length=6,
    ).frames
    # Asked for latents, the pipeline leaves the frames in that it drops before it decodes.
    assert (sampled - expected[:, shape.repeated :]).abs().max() < 1e-4


def test_components_without_encoders_load_and_the_scheduler_is_ours(tmp_path: Path) -> None:
    net = model()
    export_folder(tmp_path / "out", FAMILY, net.state_dict(), RECORD)
    theirs = CogVideoXTransformer3DModel.from_pretrained(tmp_path / "out/transformer")
    for name, weight in net.state_dict().items():
        assert torch.equal(theirs.state_dict()[name], weight), name
    scheduler = CogVideoXDDIMScheduler.from_pretrained(tmp_path / "out/scheduler")
    assert torch.allclose(scheduler.alphas_cumprod, VelocitySchedule(1.0).alphas_cumprod, atol=1e-12)
    index = json.loads((tmp_path / "out/model_index.json").read_text())
    assert index["vae"] == [None, None]
    assert read_record(tmp_path / "out") == RECORD
    config, state = load_transformer(tmp_path / "out")
    assert config == CONFIG
    assert set(state) == set(net.state_dict())


def test_adapters_load_in_diffusers_and_give_the_merged_outputs(tmp_path: Path) -> None:
    net, plain = model(), model()
    settings = LoraConfig(rank=3, alpha=12.0)  # alpha differs from the rank: it must travel along
    add_adapters(net, settings, seed=0)
    with torch.no_grad():
        for weight in trainable(net).values():
            weight.add_(torch.randn_like(weight) * 0.1)
    source = trained_source("run", FAMILY, net.state_dict(), RECORD, settings)
    export_folder(tmp_path / "out", FAMILY, source.state, RECORD, adapters=source.adapters)
    pipeline: Any = CogVideoXPipeline.from_pretrained(
        tmp_path / "out", vae=None, text_encoder=None, tokenizer=None, local_files_only=True
    )
    pipeline.load_lora_weights(tmp_path / "out")
    merged: Any = CogVideoXTransformer3DModel(**CONFIG.to_diffusers())
    merged.load_state_dict(merged_state(net))
    latents, text = torch.randn(1, 3, 16, 4, 6), torch.randn(1, 6, 24)
    freqs = (torch.ones(18, 32), torch.zeros(18, 32))
    with torch.no_grad():
        outputs = [
            model(latents, text, torch.tensor([5]), image_rotary_emb=freqs).sample
            for model in (
                pipeline.transformer,
                merged,
                CogVideoXTransformer3DModel.from_pretrained(tmp_path / "out/transformer"),
            )
        ]
    assert (outputs[0] - outputs[1]).abs().max() < 1e-5
    assert (outputs[0] - outputs[2]).abs().max() > 1e-3
    again = read_adapters(tmp_path / "out")
    assert again is not None
    state = merge_adapters(FAMILY.module, plain.state_dict(), again)
    assert all((weight - merged_state(net)[name]).abs().max() < 1e-6 for name, weight in state.items())
    assert read_adapters(tmp_path) is None


def test_links_precision_and_folders_that_are_taken(encoders: Path, tmp_path: Path) -> None:
    settings = EncoderSettings(codec="cogvideox", codec_weights=str(encoders))
    record = RECORD.model_copy(update={"encoders": settings})
    net = model()
    export_folder(tmp_path / "out", FAMILY, net.state_dict(), record, precision="bfloat16", encoders="link")
    assert (tmp_path / "out/vae").is_symlink()
    assert {weight.dtype for weight in load_transformer(tmp_path / "out")[1].values()} == {torch.bfloat16}
    with pytest.raises(ConfigError, match="is not empty"):
        export_folder(tmp_path / "out", FAMILY, net.state_dict(), record)
    state = dict(net.state_dict())
    state["proj_out.wieght"] = state.pop("proj_out.weight")
    with pytest.raises(
        ConfigError, match=r"unknown: proj_out\.wieght \(nearest: proj_out\.weight\); missing: proj_out\.weight"
    ):
        export_folder(tmp_path / "other", FAMILY, state, record)
    assert not (tmp_path / "other").exists()
    (tmp_path / "out/cutroom.json").write_text('{"format": 2}')
    with pytest.raises(ConfigError, match="later version"):
        read_record(tmp_path / "out")
