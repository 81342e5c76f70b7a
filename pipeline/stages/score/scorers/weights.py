"""Name a weights file for lineage: its name and what is in it, never where it lies on this machine.

python -m pytest tests/pipeline/stages/score/scorers/test_weights.py
"""

import hashlib
from pathlib import Path

from schemas.errors import StageError


def revision(path: Path) -> str:
    """Return `name@hash`: the file's name and 16 hex digits of a BLAKE2b hash over its bytes.

    Raises `StageError` if there is no such file.
    """
    if not path.is_file():
        raise StageError(f"weights {str(path)!r} are no file; give the path of a downloaded checkpoint or head")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8))
    return f"{path.name}@{digest.hexdigest()}"
