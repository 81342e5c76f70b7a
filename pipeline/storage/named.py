"""Resolves a dataset given on the command line: a folder or address, or the bare name of one in `datasets/`.

    find_dataset("beach")     # "beach" if that is a dataset, else "datasets/beach"

Every command that takes a dataset uses it, so that an unknown name is answered with the existing ones.
"""

from pathlib import Path

from schemas.errors import DatasetError
from schemas.nearest import closest

DATASETS = Path("datasets")
"""Where `just curate` puts datasets, below the current folder."""
_SHOWN = 8
_MARKS = ("run.json", "shards/index.parquet", "clips", "videos")


def find_dataset(text: str) -> str:
    """The dataset's folder or address. `demo` is always `datasets/demo`, the one that `just curate demo` makes.

    Raises `DatasetError` that lists the existing datasets, if there is none of this name.
    """
    if "://" in text:
        return text.rstrip("/")
    named = DATASETS / text
    candidates = [named] if text == "demo" else [Path(text)] if _is_path(text) else [Path(text), named]
    for is_one in (_is_dataset, Path.is_dir):
        for candidate in candidates:
            if is_one(candidate):
                return str(candidate)
    tried = " and no ".join(str(candidate) for candidate in candidates)
    raise DatasetError(f"there is no dataset {tried} in {Path.cwd()}; {_there_are(Path(text).name)}")


def _is_path(text: str) -> bool:
    return Path(text).is_absolute() or text.startswith((".", "~", f"{DATASETS}/"))


def _is_dataset(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in _MARKS)


def _there_are(name: str) -> str:
    names = sorted(path.name for path in DATASETS.glob("*/") if _is_dataset(path)) if DATASETS.is_dir() else []
    if near := closest(name, names):
        return f"did you mean {DATASETS / near}?"
    if not names:
        return f"there are none in {DATASETS} either; `just curate <bucket>` makes one"
    shown = ", ".join(str(DATASETS / name) for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"there {'is' if len(names) == 1 else 'are'} {shown}{more}"
