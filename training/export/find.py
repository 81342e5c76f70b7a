"""Opens a model by its path or a run's name: a run, tuned weights, a folder of weights, or a SAT checkpoint.

source = find_source(Path("runs/demo-demo"))
source = find_source(Path("demo-demo"))
source = find_source(Path("runs/video-tune-a-video/tuned.safetensors"))
"""

from pathlib import Path

from training.export.named import RUNS, check_named
from training.export.run import is_run, run_source
from training.export.source import Source, open_source
from training.export.tuned import is_tuned, tuned_source
from training.models.cogvideox.config import Positions


def find_source(path: Path, positions: Positions | None = None, shift: float | None = None) -> Source:
    """Open a model. `positions` and `shift` are those of `open_source`.

    A finished run of `just tune` is opened by its tuned weights, an unfinished one by its last checkpoint. Raises
    `ConfigError` that lists the available runs and exported models if there is none at the path.
    """
    for candidate in (path, RUNS / path):
        if is_tuned(candidate):
            return tuned_source(candidate)
        if is_run(candidate):
            return run_source(candidate)
    check_named(path)
    return open_source(path, positions, shift)
