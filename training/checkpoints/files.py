"""Reads the files of a folder in diffusers' format: JSON, safetensors whole or in shards, the scheduler's settings.

state = read_weights(Path("models/CogVideoX-2b/transformer"))            # names to tensors, as they are stored
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from schemas.errors import ConfigError

WEIGHTS = "diffusion_pytorch_model.safetensors"
VAES = {"cogvideox": "AutoencoderKLCogVideoX", "image-vae": "AutoencoderKL", "tiny-vae": "AutoencoderTiny"}
"""Codecs that are networks in diffusers' format, and their diffusers classes."""


def read_weights(folder: Path, name: str = WEIGHTS) -> dict[str, Tensor]:
    """The tensors of a folder in diffusers' format, one file or shards. Raises `ConfigError` if they cannot be read."""
    index = folder / f"{name}.index.json"
    if not index.is_file():
        return _read_safetensors(folder / name)
    shard_of: Mapping[str, str] = read_json(index, "")["weight_map"]
    state: dict[str, Tensor] = {}
    for shard in sorted(set(shard_of.values())):
        if Path(shard).name != shard:
            raise ConfigError(f"{index}: {shard!r} is not a file in the same folder")
        state.update(_read_safetensors(folder / shard))
    missing = [name for name in shard_of if name not in state]
    if missing:
        raise ConfigError(f"{index} lists {missing[0]} in {shard_of[missing[0]]}, which does not hold it")
    return state


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = load_file(file)
    except FileNotFoundError:
        raise ConfigError(f"{file} does not exist; only safetensors weights are read") from None
    except (SafetensorError, OSError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from None
    return state


def check_scheduler(folder: Path, expected: Mapping[str, object], what: str) -> None:
    """Raise `ConfigError` if a pipeline's folder has a scheduler with other settings than expected."""
    file = folder / "scheduler" / "scheduler_config.json"
    if not file.is_file():
        return
    scheduler = read_json(file, "")
    for name, value in expected.items():
        if scheduler.get(name, value) != value:
            raise ConfigError(f"{file}: {name} = {scheduler[name]!r}, but {what} with {value!r}; take another model")


def read_json(file: Path, fix: str) -> dict[str, Any]:
    """A JSON object. Raises `ConfigError` with the fix if the file is missing or holds something else."""
    try:
        value = json.loads(file.read_bytes())
    except OSError:
        raise ConfigError(f"{file} does not exist{'; ' if fix else ''}{fix}") from None
    except ValueError as error:
        raise ConfigError(f"{file} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{file}: an object was expected, not {type(value).__name__}")
    return value
