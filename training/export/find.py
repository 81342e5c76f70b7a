"""The model that a person names, whatever it is: a run by its path or name, a folder of weights, a SAT checkpoint.

just sample runs/demo-demo --prompt "waves break on a beach"
just sample demo-demo --prompt "waves break on a beach"
"""

from pathlib import Path

from training.export.named import RUNS, check_named
from training.export.run import is_run, run_source
from training.export.source import Source, open_source
from training.models.cogvideox.config import Positions


def find_source(path: Path, positions: Positions | None = None, shift: float | None = None) -> Source:
    """Open what is named. `positions` and `shift` are as in `open_source`.

    Raises `ConfigError` that lists the runs and exported models there are, if nothing of the name is there.
    """
    for one in (path, RUNS / path):
        if is_run(one):
            return run_source(one)
    check_named(path)
    return open_source(path, positions, shift)
