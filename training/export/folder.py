"""Writes a model as a folder that the family's diffusers pipeline opens, and that `just sample` samples as trained.

    transformer/  config.json, diffusion_pytorch_model.safetensors
    scheduler/    v-prediction, zero terminal SNR, trailing timesteps, no clipping, the shift of training
    vae/  text_encoder/  tokenizer/    copies of (or links to) the encoders, if they are folders in diffusers' format
    model_index.json  cutroom.json

The folder appears atomically, by one rename.

    export_folder(Path("exported/demo"), source.family, source.state, source.record)
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
    """Write the folder. `state` are the plain transformer's weights; for a LoRA run the base model's, or merged ones.

    Raises `ConfigError` for weights that do not fit and for a folder that is not empty, `DatasetError` if it cannot be
    written.
    """
    folder = folder.absolute()
    check_fit(family.module, state, "the model to export")
    published = family.published(state)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is not empty; choose another folder")
    if published.note:
        print(f"note: {published.note}", file=sys.stderr)
    scratch = folder.with_name(f".{folder.name}.writing")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        _write_transformer(scratch / "transformer", published, precision)
        _write_json(scratch / "scheduler" / "scheduler_config.json", {**published.scheduler, **_VERSION})
        present = [] if encoders == "leave" else _write_encoders(scratch, record.encoders, encoders)
        if published.pipeline:
            vae = VAES.get(record.encoders.codec, VAES["cogvideox"])
            index = _index(published, vae, ["transformer", "scheduler", *present])
            _write_json(scratch / "model_index.json", index)
        write_record(scratch, record)
        if adapters:
            write_adapters(scratch, adapters)
        if folder.exists():
            folder.rmdir()
        scratch.rename(folder)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_transformer(folder: Path, published: Published, precision: Precision) -> None:
    dtype = getattr(torch, precision)
    _write_json(folder / "config.json", {"_class_name": published.model, **_VERSION, **published.config})
    weights = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in published.weights.items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def _write_encoders(folder: Path, settings: EncoderSettings, how: Encoders) -> list[str]:
    """Write the encoders that are folders in diffusers' format; packaged ones and hub names are only in the record."""
    written = []
    vae = Path(settings.codec_weights).expanduser()
    if settings.codec in VAES:
        vae = vae if (vae / "config.json").is_file() else vae / "vae"
        if (vae / "config.json").is_file():
            _copy_or_link(vae, folder / "vae", how)
            written.append("vae")
    text = Path(settings.text_weights).expanduser()
    if settings.text == "t5" and (text / "text_encoder/config.json").is_file() and (text / "tokenizer").is_dir():
        _copy_or_link(text / "text_encoder", folder / "text_encoder", how)
        _copy_or_link(text / "tokenizer", folder / "tokenizer", how)
        written += ["text_encoder", "tokenizer"]
    elif settings.text == "t5" and (text / "config.json").is_file():
        _copy_or_link(text, folder / "text_encoder", how)
        (folder / "tokenizer").mkdir()
        for pattern in _TOKENIZER_FILES:
            for file in text.glob(pattern):
                shutil.copy2(file, folder / "tokenizer")
        written += ["text_encoder", "tokenizer"]
    return written


def _copy_or_link(source: Path, target: Path, how: Encoders) -> None:
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
    components = {name: [*class_name] if name in present else [None, None] for name, class_name in classes.items()}
    return {"_class_name": published.pipeline, **_VERSION, **components}


def _write_json(file: Path, content: Mapping[str, object]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content, indent=2) + "\n")
