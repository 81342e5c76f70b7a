"""Diffusers folders are read whole or in shards, and what does not fit is named."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import CogVideoXTransformer3DModel

from schemas.errors import ConfigError
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.load import load_transformer

CONFIG = CogVideoXConfig(heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16, positions="sincos")


def saved(folder: Path, shard: str) -> CogVideoXTransformer3DModel:
    torch.manual_seed(0)
    theirs = CogVideoXTransformer3DModel(**CONFIG.to_diffusers())
    theirs.save_pretrained(folder / "transformer", max_shard_size=shard)
    return theirs


@pytest.mark.parametrize("shard", ["10GB", "100KB"])
def test_what_diffusers_saved_is_read_whole_and_in_shards(shard: str, tmp_path: Path) -> None:
    theirs = saved(tmp_path, shard)
    assert (len(list((tmp_path / "transformer").glob("*.safetensors"))) > 1) == (shard == "100KB")
    for path in (tmp_path, tmp_path / "transformer"):
        config, state = load_transformer(path)
        assert config == CONFIG
        assert state.keys() == theirs.state_dict().keys()
        assert all(torch.equal(weight, theirs.state_dict()[name]) for name, weight in state.items())


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    saved(tmp_path, "100KB")
    folder = tmp_path / "transformer"
    with pytest.raises(ConfigError, match=r"nothing.transformer.config\.json does not exist; give a diffusers folder"):
        load_transformer(tmp_path / "nothing")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "text_embed_dim": 32}))
    with pytest.raises(
        ConfigError, match=r"of another shape: patch_embed\.text_proj\.weight is \[64, 24\], not \[64, 32\]"
    ):
        load_transformer(folder)
    (folder / "config.json").write_text(json.dumps({**config, "_class_name": "WanTransformer3DModel"}))
    with pytest.raises(ConfigError, match="holds a WanTransformer3DModel"):
        load_transformer(folder)
    (folder / "config.json").write_text(json.dumps(config))
    index = folder / "diffusion_pytorch_model.safetensors.index.json"
    content = json.loads(index.read_text())
    index.write_text(json.dumps({"weight_map": {**content["weight_map"], "proj_out.bias": "../../elsewhere"}}))
    with pytest.raises(ConfigError, match="is not a file in the same folder"):
        load_transformer(folder)
    first = sorted(folder.glob("*.safetensors"))[0]
    first.write_bytes(b"nonsense")
    index.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_transformer(folder)
    first.unlink()
    with pytest.raises(ConfigError, match="does not exist; only safetensors"):
        load_transformer(folder)
