"""Name a weights file for lineage: its name and what is in it, never where it lies on this machine.

python -m pytest tests/pipeline/stages/test_weights.py
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from captioning.checkpoints import model_identity
from schemas.errors import ConfigError, CutroomError, StageError


def revision(path: Path) -> str:
    """Return `name@hash`: the file's name and 16 hex digits of a BLAKE2b hash over its bytes.

    Raises `StageError` if there is no such file.
    """
    if not path.is_file():
        raise StageError(f"weights {str(path)!r} are no file; give the path of a downloaded checkpoint or head")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8))
    return f"{path.name}@{digest.hexdigest()}"


def content_of(weights: str) -> str:
    """What a setting that names weights stands for: a file's content, a folder's content, or a plain tag."""
    path = Path(weights)
    if not weights or not path.exists():
        return weights
    return revision(path) if path.is_file() else model_identity(weights)


def read_setting(setting: str, value: str, read: Callable[[Path], Any]) -> Any:
    """What `read` makes of the file. Raises `ConfigError` with the setting and its value if it cannot be read."""
    try:
        return read(Path(value))
    except CutroomError as error:
        raise ConfigError(f"{setting} = {value!r}: {error}") from None
    except Exception as error:  # every format has its own exceptions
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"{setting} = {value!r} cannot be read: {type(error).__name__}: {reason}") from None
