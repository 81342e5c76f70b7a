"""Reads the files of a folder in diffusers' format: JSON, safetensors whole or in shards, the scheduler's settings.

state = read_weights(Path("models/CogVideoX-2b/transformer"))            # names to tensors, as they are stored

python -m pytest tests/training/models/cogvideox/test_load.py
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
"""Codecs that are networks in diffusers' format, and their classes there."""


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
