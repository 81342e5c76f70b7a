"""Whether the model that a person names is there; imports nothing heavy, so that a slip is told before torch is loaded.

just sample runs/dmeo-demo --prompt "waves break on a beach"
"""

from pathlib import Path

from schemas.errors import ConfigError
from schemas.nearest import closest

RUNS = Path("runs")
"""Where `just train` puts runs, below the folder in which a person stands."""
_SHOWN = 8
_MARKS = ("config.yaml", "cutroom.json")  # of a run, of an exported model


def check_named(path: Path) -> None:
    """Raise `ConfigError` that lists the runs and exported models there are, if nothing of the name is there."""
    if not path.exists() and not (RUNS / path).exists():
        raise ConfigError(f"there is no run or model {path} in {Path.cwd()}; {_there_are(path)}")


def _there_are(path: Path) -> str:
    """The runs and exported models beside the path, and in `runs/`."""
    folders = {*_folders(path.parent), *_folders(RUNS)}
    known = sorted(str(one) for one in folders if any((one / mark).is_file() for mark in _MARKS))
    named = {Path(one).name: one for one in known}
    if near := closest(path.name, named):
        return f"did you mean {named[near]}?"
    if not known:
        return "there is none; `just train <dataset>` makes one"
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"there {'is' if len(known) == 1 else 'are'} {', '.join(known[:_SHOWN])}{more}"


def _folders(parent: Path) -> list[Path]:
    return list(parent.glob("*/")) if parent.is_dir() else []
