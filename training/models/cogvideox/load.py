"""Reads the weights of a CogVideoX transformer from a diffusers folder or a SAT checkpoint.

config, state = load_transformer("models/CogVideoX-2b")                  # or .../transformer, or SAT's .pt
model = CogVideoX(config)
model.load_state_dict(state)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch
from torch import Tensor

from schemas.errors import ConfigError
from training.checkpoints.files import read_json, read_weights
from training.checkpoints.fit import check_fit
from training.models.cogvideox.config import CogVideoXConfig, Positions
from training.models.cogvideox.model import CogVideoX
from training.models.cogvideox.sat import from_sat

TRANSFORMER = "CogVideoXTransformer3DModel"
_SAT_FILE = "mp_rank_00_model_states.pt"


def load_transformer(path: str | Path, positions: Positions | None = None) -> tuple[CogVideoXConfig, dict[str, Tensor]]:
    """Config and weights, in the stored dtype, under diffusers' names.

    `path` is a diffusers pipeline or transformer folder (one file or shards), a SAT `.pt` file, or SAT's folder (with
    `latest`, or with the file itself). `positions` is only for SAT checkpoints of unpublished sizes. Raises
    `ConfigError` for a file that is missing, unreadable, of another class, or does not fit its config.
    """
    source = Path(path)
    if source.suffix == ".pt" or (source / "latest").is_file() or (source / _SAT_FILE).is_file():
        config, state = from_sat(_read_sat(source), positions)
    else:
        folder = source if (source / "config.json").is_file() else source / "transformer"
        config, state = CogVideoXConfig.from_diffusers(_read_config(folder)), read_weights(folder)
    check_fit(lambda: CogVideoX(config), state, str(path))
    return config, state


def _read_config(folder: Path) -> Mapping[str, Any]:
    config = read_json(folder / "config.json", "give a diffusers folder or a SAT .pt file")
    class_name = config.get("_class_name", TRANSFORMER)
    if class_name != TRANSFORMER:
        raise ConfigError(f"{folder} holds a {class_name}; only {TRANSFORMER} is supported")
    return config


def _read_sat(path: Path) -> Mapping[str, Tensor]:
    file = path
    if path.is_dir():
        inside = (path / "latest").read_text().strip() if (path / "latest").is_file() else "."
        file = path / inside / _SAT_FILE
    try:
        saved: Any = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
    except FileNotFoundError:
        raise ConfigError(f"{file} does not exist") from None
    except Exception as error:  # a broken or hostile file can raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{file} cannot be read as plain weights (weights_only): {reason}") from None
    for name in ("model", "module", "state_dict"):  # SAT, DeepSpeed or Lightning saved it
        if isinstance(saved, dict) and isinstance(saved.get(name), dict):
            saved = saved[name]
    if not isinstance(saved, dict) or not all(isinstance(value, Tensor) for value in saved.values()):
        raise ConfigError(f"{file} holds no state dict")
    return saved
