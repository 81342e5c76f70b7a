"""Names a model's folder for lineage: its name and what is in it, never where it lies on this machine.

python -m pytest tests/captioning/backends/test_transformers.py
"""

import hashlib
from pathlib import Path

# What decides the answers: weights, settings, tokenizer, chat template. Notes and records beside them do not.
_COUNTED = (".safetensors", ".json", ".jinja", ".model", ".txt")
_NOT_COUNTED = ("cutroom.json", "provenance.json")


def folder_revision(folder: Path) -> str:
    """Return `name@hash`: the folder's name and 16 hex digits of a BLAKE2b hash over its files' names and bytes.

    Reads everything: about a second per gigabyte. A revision in the settings saves that.
    """
    total = hashlib.blake2b(digest_size=8)
    for path in sorted(folder.iterdir()):
        if path.suffix in _COUNTED and path.name not in _NOT_COUNTED and path.is_file():
            with path.open("rb") as file:
                one = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
            total.update(f"{path.name} {one.hexdigest()}\n".encode())
    return f"{folder.resolve().name}@{total.hexdigest()}"
