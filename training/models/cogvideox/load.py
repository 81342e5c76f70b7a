"""Reads the weights of a transformer, whoever wrote them: a diffusers folder or a SAT checkpoint.

config, state = load_transformer("models/CogVideoX-2b")                  # or .../transformer, or SAT's .pt
model = CogVideoX(config)
model.load_state_dict(state)

python -m pytest tests/training/models/cogvideox/test_load.py
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
