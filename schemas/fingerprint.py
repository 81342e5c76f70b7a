"""A short fingerprint of a model folder's content, independent of the folder's name.

Weight files of two models of one architecture have equal sizes, so samples of their bytes are hashed too, which takes
milliseconds for any size; a change of less than a sixtieth of one large file may go unnoticed.

    fingerprint(Path("models/SmolVLM2-500M"))      # 12 hex digits
"""

import hashlib
from pathlib import Path

_WHOLE, _SAMPLES, _SAMPLE = 1 << 20, 64, 4096  # a file up to 1 MiB is read whole; of a larger one 64 samples of 4 KiB
_IGNORED = {".md", ".lock", ".incomplete"}
# The prompt of a distilled model is hashed with the prompts, and its provenance changes no answer.
_RECORDS = {"cutroom.json", "provenance.json"}


def fingerprint(folder: Path) -> str:
    """12 hex digits over names, sizes and (sampled) bytes of all files below the folder, except notes and records."""
    hasher = hashlib.blake2b(digest_size=6)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if file.suffix in _IGNORED or file.name in _RECORDS:
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
