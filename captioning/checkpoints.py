"""Identity of a model: a hub name with its revision, or a folder with a fingerprint of its content.

Lineage, fingerprints and the reply cache must distinguish a model from a fine-tuned copy in a folder of the same name.

    model_identity("models/SmolVLM2-500M")      # SmolVLM2-500M@3f9c0a...
"""

import json
from pathlib import Path
from typing import Any

from schemas.errors import StageError
from schemas.fingerprint import fingerprint


def model_identity(name: str, revision: str = "") -> str:
    """`<name>@<revision>` for a hub name; for a folder, its last path component, `@` and a fingerprint of its files."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return f"{folder.resolve().name}@{fingerprint(folder)}"
    return f"{name}@{revision}" if revision else name


def read_config(name: str, revision: str = "") -> dict[str, Any]:
    """Read `config.json` of a folder or of a hub model. Raises `StageError` if there is none."""
    folder = Path(name).expanduser()
    try:
        if folder.is_dir():
            config: dict[str, Any] = json.loads((folder / "config.json").read_text())
            return config
        from transformers import PretrainedConfig

        config, _ = PretrainedConfig.get_config_dict(name, revision=revision or None)
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StageError(f"no model at {name!r}: {first}; give a Hugging Face folder or a hub name") from error
    return config
