"""Checks that a named model exists, with light imports, so that a typo is reported before torch is loaded.

check_named(Path("runs/demo-demo"))
"""

from pathlib import Path

from schemas.errors import ConfigError
from schemas.nearest import closest

RUNS = Path("runs")
"""Where `just train` puts runs, below the current folder."""
_LISTED = 8
_MARKS = ("config.yaml", "cutroom.json")  # of a run, of an exported model


def check_named(path: Path) -> None:
    """Raise `ConfigError` that lists the available runs and exported models if there is none with this name."""
    if not path.exists() and not (RUNS / path).exists():
        raise ConfigError(f"there is no run or model {path} in {Path.cwd()}; {_available(path)}")


def _available(path: Path) -> str:
    """The runs and exported models next to the path, and in `runs/`."""
    folders = {*_folders(path.parent), *_folders(RUNS)}
    known = sorted(str(folder) for folder in folders if any((folder / mark).is_file() for mark in _MARKS))
    path_of = {Path(folder).name: folder for folder in known}
    if nearest := closest(path.name, path_of):
        return f"did you mean {path_of[nearest]}?"
    if not known:
        return "there is none; `just train <dataset>` makes one"
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"there {'is' if len(known) == 1 else 'are'} {', '.join(known[:_LISTED])}{more}"


def _folders(parent: Path) -> list[Path]:
    return list(parent.glob("*/")) if parent.is_dir() else []
