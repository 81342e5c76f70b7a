"""The model that a person names, whatever it is: a run by its path or name, a folder of weights, a SAT checkpoint.

just sample runs/demo-demo --prompt "waves break on a beach"
just sample demo-demo --prompt "waves break on a beach"
"""

from pathlib import Path

from schemas.errors import ConfigError
from schemas.nearest import closest
from training.export.record import FILE
from training.export.run import is_run, run_source
from training.export.source import Source, open_source
from training.models.cogvideox.config import Positions

RUNS = Path("runs")
"""Where `just train` puts runs, below the folder in which a person stands."""
_SHOWN = 8


def find_source(path: Path, positions: Positions | None = None, shift: float | None = None) -> Source:
    """Open what is named. `positions` and `shift` are as in `open_source`.

    Raises `ConfigError` that lists the runs and exported models there are, if nothing of the name is there.
    """
    for one in (path, RUNS / path):
        if is_run(one):
            return run_source(one)
    if not path.exists():
        raise ConfigError(f"there is no run or model {path} in {Path.cwd()}; {_there_are(path)}")
    return open_source(path, positions, shift)


def _there_are(path: Path) -> str:
    """The runs and exported models beside the path, and in `runs/`."""
    folders = {*_folders(path.parent), *_folders(RUNS)}
    known = sorted(str(one) for one in folders if is_run(one) or (one / FILE).is_file())
    named = {Path(one).name: one for one in known}
    if near := closest(path.name, named):
        return f"did you mean {named[near]}?"
    if not known:
        return "there is none; `just train <dataset>` makes one"
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"there {'is' if len(known) == 1 else 'are'} {', '.join(known[:_SHOWN])}{more}"


def _folders(parent: Path) -> list[Path]:
    return list(parent.glob("*/")) if parent.is_dir() else []
