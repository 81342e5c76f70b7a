"""Checks that a folder holds a model in Hugging Face's format, before any work is done.

check_folder("caption.model", "models/Qwen2.5-VL-3B-Instruct", ("*.safetensors",))
"""

import json
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import ConfigError


def check_folder(setting: str, name: str, weights: Sequence[str]) -> None:
    """Raise `ConfigError` unless the folder has a readable config.json and weights that match one of the globs."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise ConfigError(f"{setting}.name = {name!r}: there is no such folder; give that of a model")
    try:
        json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{setting}.name = {name!r}: no model of Hugging Face's format: config.json: {error}"
        ) from None
    if not any(file for glob in weights for file in folder.glob(glob)):
        raise ConfigError(
            f"{setting}.name = {name!r} holds no weights ({', '.join(weights)}); copy the whole folder of the model"
        )
