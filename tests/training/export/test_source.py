"""What a folder tells is taken from it; what it cannot tell is asked for."""

import json
from pathlib import Path

import pytest
import torch

from schemas.errors import ConfigError
from training.config import EncoderSettings, LoraConfig
from training.diffusion.schedule import VelocitySchedule
from training.export.adapters import read_adapters
from training.export.folder import export_folder
from training.export.record import FILE, ModelRecord
from training.export.source import open_source, trained_source
from training.families.cogvideox import CogVideoXFamily
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX
from training.models.lora import add_adapters, trainable

CONFIG = CogVideoXConfig(heads=2, head_dim=32, layers=1, text_dim=24, time_embed_dim=16)
FAMILY = CogVideoXFamily(CONFIG, VelocitySchedule(2.5))
PLAIN, ADAPTED = LoraConfig(), LoraConfig(rank=2, alpha=6.0, targets=["to_q"])
RECORD = ModelRecord(snr_shift=2.5, text_length=30, recipe="demo", stage="low", step=40)


def exported(folder: Path, lora: LoraConfig = PLAIN) -> Path:
    torch.manual_seed(0)
    model = CogVideoX(CONFIG)
    if lora.rank:
        add_adapters(model, lora, seed=0)
        with torch.no_grad():
            for weight in trainable(model).values():
                weight.add_(0.1)
    source = trained_source("run", FAMILY, model.state_dict(), RECORD, lora)
    export_folder(folder, FAMILY, source.state, RECORD, adapters=source.adapters)
    return folder


def test_an_exported_folder_tells_everything(tmp_path: Path) -> None:
    source = open_source(exported(tmp_path / "out"))
    assert source.record == RECORD
    assert source.checkpoint == "out, demo low, step 40"
    assert source.merged() is source


def test_adapters_stand_apart_until_they_are_merged(tmp_path: Path) -> None:
    source = open_source(exported(tmp_path / "out", ADAPTED))
    merged = source.merged()
    assert merged.adapters is None
    changed = [name for name, weight in merged.state.items() if not torch.equal(weight, source.state[name])]
    assert changed == ["transformer_blocks.0.attn1.to_q.weight"]


def test_a_diffusers_folder_is_asked_for_its_scheduler_and_its_encoders(tmp_path: Path) -> None:
    folder = exported(tmp_path / "out")
    (folder / FILE).unlink()
    for part in ("vae", "text_encoder"):
        (folder / part).mkdir()
        (folder / part / "config.json").write_text("{}")
    record = open_source(folder).record
    assert (record.snr_shift, record.text_length) == (2.5, 226)
    assert record.encoders == EncoderSettings(
        codec="cogvideox", codec_weights=str(folder), text="t5", text_weights=str(folder)
    )
    assert open_source(folder / "transformer").record.snr_shift == 2.5
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"_class_name": "AutoencoderTiny"}))
    moved = open_source(folder).with_encoders(vae=str(other), text="there").record.encoders
    assert (moved.codec, moved.codec_weights, moved.text_weights) == ("tiny-vae", str(other), "there")
    (other / "config.json").write_text(json.dumps({"_class_name": "VQModel"}))
    with pytest.raises(ConfigError, match="holds a VQModel; a VAE is one of AutoencoderKLCogVideoX, AutoencoderKL, "):
        open_source(folder).with_encoders(vae=str(other))


def test_a_shift_that_nobody_tells_is_asked_for(tmp_path: Path) -> None:
    folder = exported(tmp_path / "out")
    (folder / FILE).unlink()
    (folder / "scheduler/scheduler_config.json").unlink()
    with pytest.raises(ConfigError, match="set --snr-shift"):
        open_source(folder)
    assert open_source(folder, shift=3.0).record.snr_shift == 3.0


def test_adapters_of_other_networks_and_other_models_are_refused(tmp_path: Path) -> None:
    folder = exported(tmp_path / "out", ADAPTED)
    file = folder / "pytorch_lora_weights.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"transformer.transformer_blocks", b"transformer.transfarmer_blocks"))
    with pytest.raises(ConfigError, match="do not fit the model"):
        open_source(folder).merged()
    file.write_bytes(whole.replace(b'"transformer.transformer_blocks', b'"unet_______.transformer_blocks'))
    with pytest.raises(ConfigError, match=r"not adapters of a transformer: unet_______\.transformer_blocks"):
        read_adapters(folder)
    file.write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_adapters(folder)
    assert json.loads((folder / "model_index.json").read_text())["_class_name"] == "CogVideoXPipeline"
