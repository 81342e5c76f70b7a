"""A folder of weights as a short fingerprint of its content, whatever the folder is called.

Files of weights of two models of one kind have the same sizes, so samples of their bytes are hashed, which takes
milliseconds for any size; a change of less than a sixtieth of one large file may go unseen.

    python -m pytest tests/captioning/test_checkpoints.py
"""

import hashlib
from pathlib import Path

_WHOLE, _SAMPLES, _SAMPLE = 1 << 20, 64, 4096  # bytes up to which a file is read whole; samples of a larger one, bytes
_PASSED_OVER = {".md", ".lock", ".incomplete"}
# How a distilled model is asked is hashed with the prompts, and where it comes from changes no answer.
_RECORDS = {"cutroom.json", "provenance.json"}


def fingerprint(folder: Path) -> str:
    """12 hex digits over the names, sizes and bytes of all files below the folder, notes and records left out."""
    hasher = hashlib.blake2b(digest_size=6)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if file.suffix in _PASSED_OVER or file.name in _RECORDS:
            continue
        size = file.stat().st_size
        hasher.update(f"{file.relative_to(folder).as_posix()} {size}\n".encode())
        with file.open("rb") as stream:
            if size <= _WHOLE:
                hasher.update(stream.read())
                continue
            for number in range(_SAMPLES):
                stream.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
                hasher.update(stream.read(_SAMPLE))
    return hasher.hexdigest()
