"""Reads the weights of a transformer, whoever wrote them: a diffusers folder or a SAT checkpoint.

config, state = load_transformer("models/CogVideoX-2b")                  # or .../transformer, or SAT's .pt
model = CogVideoX(config)
model.load_state_dict(state)

python -m pytest tests/training/export/test_load.py
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from schemas.errors import ConfigError
from training.export.fit import check_fit
from training.export.sat import from_sat
from training.models.cogvideox.config import CogVideoXConfig, Positions
from training.models.cogvideox.model import CogVideoX

TRANSFORMER = "CogVideoXTransformer3DModel"
WEIGHTS = "diffusion_pytorch_model.safetensors"
VAES = {"cogvideox": "AutoencoderKLCogVideoX", "image-vae": "AutoencoderKL", "tiny-vae": "AutoencoderTiny"}
"""Codecs that are networks in diffusers' format, and their classes there."""
_SAT_FILE = "mp_rank_00_model_states.pt"


def load_transformer(path: str | Path, positions: Positions | None = None) -> tuple[CogVideoXConfig, dict[str, Tensor]]:
    """Config and weights, in the precision they are stored in, under our names.

    `path` is a diffusers pipeline or transformer folder (one file or shards), a SAT `.pt` file, or SAT's folder (with
    `latest`, or with the file itself). `positions` is only for SAT checkpoints of unpublished sizes. Raises
    `ConfigError` naming what is wrong.
    """
    found = Path(path)
    if found.suffix == ".pt" or (found / "latest").is_file() or (found / _SAT_FILE).is_file():
        config, state = from_sat(_read_sat(found), positions)
    else:
        folder = found if (found / "config.json").is_file() else found / "transformer"
        config, state = CogVideoXConfig.from_diffusers(_read_config(folder)), read_weights(folder)
    check_fit(lambda: CogVideoX(config), state, str(path))
    return config, state


def _read_config(folder: Path) -> Mapping[str, Any]:
    config = read_json(folder / "config.json", "give a diffusers folder or a SAT .pt file")
    kind = config.get("_class_name", TRANSFORMER)
    if kind != TRANSFORMER:
        raise ConfigError(f"{folder} holds a {kind}; only {TRANSFORMER} is supported")
    return config


def read_weights(folder: Path, name: str = WEIGHTS) -> dict[str, Tensor]:
    """The tensors of a folder in diffusers' format, one file or shards. Raises `ConfigError` if it cannot be read."""
    index = folder / f"{name}.index.json"
    if not index.is_file():
        return _read_safetensors(folder / name)
    places: Mapping[str, str] = read_json(index, "")["weight_map"]
    state: dict[str, Tensor] = {}
    for shard in sorted(set(places.values())):
        if Path(shard).name != shard:
            raise ConfigError(f"{index}: {shard!r} is not a file beside it")
        state.update(_read_safetensors(folder / shard))
    lost = [name for name in places if name not in state]
    if lost:
        raise ConfigError(f"{index} promises {lost[0]} in {places[lost[0]]}, which does not hold it")
    return state


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = load_file(file)
    except FileNotFoundError:
        raise ConfigError(f"{file} does not exist; only safetensors weights are read") from None
    except (SafetensorError, OSError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from None
    return state


def _read_sat(path: Path) -> Mapping[str, Tensor]:
    file = path
    if path.is_dir():
        inside = (path / "latest").read_text().strip() if (path / "latest").is_file() else "."
        file = path / inside / _SAT_FILE
    try:
        saved: Any = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
    except FileNotFoundError:
        raise ConfigError(f"{file} does not exist") from None
    except Exception as error:  # whatever a broken or a hostile file makes of reading it
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{file} cannot be read as plain weights (weights_only): {reason}") from None
    for name in ("model", "module", "state_dict"):  # whoever saved it last: SAT, DeepSpeed, Lightning
        if isinstance(saved, dict) and isinstance(saved.get(name), dict):
            saved = saved[name]
    if not isinstance(saved, dict) or not all(isinstance(one, Tensor) for one in saved.values()):
        raise ConfigError(f"{file} holds no state dict")
    return saved


def check_scheduler(folder: Path, wanted: Mapping[str, object], what: str) -> None:
    """Raise `ConfigError` if the scheduler in a pipeline's folder, where there is one, says other noise levels."""
    file = folder / "scheduler" / "scheduler_config.json"
    if not file.is_file():
        return
    found = read_json(file, "")
    for name, value in wanted.items():
        if found.get(name, value) != value:
            raise ConfigError(f"{file}: {name} = {found[name]!r}, but {what} with {value!r}; take another model")


def read_json(file: Path, fix: str) -> dict[str, Any]:
    """A JSON object. Raises `ConfigError` with the fix if the file is missing or holds something else."""
    try:
        found = json.loads(file.read_bytes())
    except OSError:
        raise ConfigError(f"{file} does not exist{'; ' if fix else ''}{fix}") from None
    except ValueError as error:
        raise ConfigError(f"{file} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{file}: an object was expected, not {type(found).__name__}")
    return found
