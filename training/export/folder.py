"""Writes a model as a folder that diffusers' pipeline of its kind opens, and that `just sample` samples as trained.

    transformer/  config.json, diffusion_pytorch_model.safetensors
    scheduler/    v-prediction, zero terminal SNR, trailing timesteps, no clipping, the shift of training
    vae/  text_encoder/  tokenizer/    copies of (or links to) the encoders, where they are folders in diffusers' form
    model_index.json  cutroom.json

The folder appears whole or not at all.

    python -m pytest tests/training/export/test_folder.py
"""

import json
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from schemas.errors import ConfigError, DatasetError
from training.checkpoints.files import VAES, WEIGHTS
from training.checkpoints.fit import check_fit
from training.config import EncoderSettings
from training.export.adapters import Adapters, write_adapters
from training.export.choices import Encoders, Precision
from training.export.record import ModelRecord, write_record
from training.families.base import Family, Published

_TOKENIZER_FILES = ("tokenizer*", "spiece.model", "special_tokens_map.json", "added_tokens.json")
_VERSION = {"_diffusers_version": version("diffusers")}
_ENCODERS = {
    "text_encoder": ("transformers", "T5EncoderModel"),
    "tokenizer": ("transformers", "T5Tokenizer"),
}


def export_folder(
    folder: Path,
    family: Family,
    state: Mapping[str, Tensor],
    record: ModelRecord,
    *,
    adapters: Adapters | None = None,
    precision: Precision = "float32",
    encoders: Encoders = "copy",
) -> None:
    """Write the folder. `state` are the plain transformer's weights: a LoRA run gives its base's, or merged ones.

    Raises `ConfigError` for weights that do not fit and for a folder that holds something, `DatasetError` if it cannot
    be written.
    """
    folder = folder.absolute()
    check_fit(family.module, state, "what is exported")
    published = family.published(state)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} holds something already; choose another folder")
    if published.note:
        print(f"note: {published.note}", file=sys.stderr)
    growing = folder.with_name(f".{folder.name}.growing")
    try:
        shutil.rmtree(growing, ignore_errors=True)
        growing.mkdir(parents=True)
        _write_transformer(growing / "transformer", published, precision)
        _write_json(growing / "scheduler" / "scheduler_config.json", {**published.scheduler, **_VERSION})
        present = [] if encoders == "leave" else _write_encoders(growing, record.encoders, encoders)
        if published.pipeline:
            vae = VAES.get(record.encoders.codec, VAES["cogvideox"])
            index = _index(published, vae, ["transformer", "scheduler", *present])
            _write_json(growing / "model_index.json", index)
        write_record(growing, record)
        if adapters:
            write_adapters(growing, adapters)
        if folder.exists():
            folder.rmdir()
        growing.rename(folder)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(growing, ignore_errors=True)


def _write_transformer(folder: Path, published: Published, precision: Precision) -> None:
    dtype = getattr(torch, precision)
    _write_json(folder / "config.json", {"_class_name": published.model, **_VERSION, **published.config})
    weights = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in published.weights.items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def _write_encoders(folder: Path, settings: EncoderSettings, how: Encoders) -> list[str]:
    """The encoders that are folders in diffusers' form; a stand-in or a hub's name is only told by the record."""
    found = []
    vae = Path(settings.codec_weights).expanduser()
    if settings.codec in VAES:
        vae = vae if (vae / "config.json").is_file() else vae / "vae"
        if (vae / "config.json").is_file():
            _place(vae, folder / "vae", how)
            found.append("vae")
    text = Path(settings.text_weights).expanduser()
    if settings.text == "t5" and (text / "text_encoder/config.json").is_file() and (text / "tokenizer").is_dir():
        _place(text / "text_encoder", folder / "text_encoder", how)
        _place(text / "tokenizer", folder / "tokenizer", how)
        found += ["text_encoder", "tokenizer"]
    elif settings.text == "t5" and (text / "config.json").is_file():
        _place(text, folder / "text_encoder", how)
        (folder / "tokenizer").mkdir()
        for pattern in _TOKENIZER_FILES:
            for file in text.glob(pattern):
                shutil.copy2(file, folder / "tokenizer")
        found += ["text_encoder", "tokenizer"]
    return found


def _place(source: Path, target: Path, how: Encoders) -> None:
    if how == "link":
        target.symlink_to(source.resolve(), target_is_directory=True)
    else:
        shutil.copytree(source, target)


def _index(published: Published, vae: str, present: list[str]) -> dict[str, object]:
    classes = {
        "transformer": ("diffusers", published.model),
        "scheduler": ("diffusers", published.scheduler["_class_name"]),
        "vae": ("diffusers", vae),
        **_ENCODERS,
    }
    components = {name: [*one] if name in present else [None, None] for name, one in classes.items()}
    return {"_class_name": published.pipeline, **_VERSION, **components}


def _write_json(file: Path, content: Mapping[str, object]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content, indent=2) + "\n")
