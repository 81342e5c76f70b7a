"""Which model this is: a hub name with its revision, or a folder with a fingerprint of its content.

Lineage, fingerprints and reply caches must tell a model from its fine-tuned copy in a folder of the same name. Files
of weights of two such models have the same sizes, so samples of their bytes are hashed, which takes milliseconds for
any size; a change of less than a sixtieth of one large file may go unseen.

    python -m pytest tests/captioning/test_checkpoints.py
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from schemas.errors import StageError

_WHOLE, _SAMPLES, _SAMPLE = 1 << 20, 64, 4096  # bytes up to which a file is read whole; samples of a larger one, bytes
_PASSED_OVER = {".md", ".lock", ".incomplete"}
# How a distilled model is asked is hashed with the prompts, and where it comes from changes no answer.
_RECORDS = {"cutroom.json", "provenance.json"}


def model_identity(name: str, revision: str = "") -> str:
    """`name`, then `@` and its revision, or the folder's own name and a fingerprint of its files."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return f"{folder.resolve().name}@{_fingerprint(folder)}"
    return f"{name}@{revision}" if revision else name


def read_config(name: str, revision: str = "") -> dict[str, Any]:
    """`config.json` of a folder, or of a hub model as transformers finds it. Raises `StageError` if there is none."""
    folder = Path(name).expanduser()
    try:
        if folder.is_dir():
            found: dict[str, Any] = json.loads((folder / "config.json").read_text())
            return found
        from transformers import PretrainedConfig

        found, _ = PretrainedConfig.get_config_dict(name, revision=revision or None)
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StageError(f"no model at {name!r}: {first}; give a Hugging Face folder or a hub name") from error
    return found


def _fingerprint(folder: Path) -> str:
    found = hashlib.blake2b(digest_size=6)
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        if file.suffix in _PASSED_OVER or file.name in _RECORDS:
            continue
        size = file.stat().st_size
        found.update(f"{file.relative_to(folder).as_posix()} {size}\n".encode())
        with file.open("rb") as stream:
            if size <= _WHOLE:
                found.update(stream.read())
                continue
            for number in range(_SAMPLES):
                stream.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
                found.update(stream.read(_SAMPLE))
    return found.hexdigest()
