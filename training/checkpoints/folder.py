"""A run's folder: its configuration, what it was trained on, and its files.

    runs/<name>/config.yaml          the resolved configuration
    runs/<name>/run.json             dataset, encoders, versions
    runs/<name>/checkpoints/         the last few checkpoints
    runs/<name>/steps.jsonl          metrics of every optimiser step
    runs/<name>/lineage-<rank>.jsonl samples of every step, with timestep and loss
    runs/<name>/validation.jsonl     validation loss per bucket and timestep
    runs/<name>/samples/             videos from the fixed prompts, and contact sheets

A run is resumed only with its own configuration; settings that do not affect the results may change.

    folder = RunFolder(Path("runs/demo"))
    folder.begin(config, facts)
"""

import json
from collections.abc import Mapping
from pathlib import Path

from schemas.errors import ConfigError
from schemas.load import dump_config
from training.config import TrainConfig
from training.recipes import load_training

# Settings that do not affect a run's results.
_FREE = (
    "loggers",
    "checkpoint",
    "validation",
    "sampling",
    "parallel",
    "data.workers",
    "data.prefetch",
    "data.read_timeout",
    "data.max_bad_share",
    "model.checkpoint_blocks",
    "optimizer.spike",
)


CONFIG = "config.yaml"


class RunFolder:
    """The folder of one run on this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    def begin(self, config: TrainConfig, facts: Mapping[str, object]) -> None:
        """Write the configuration and facts, or check them against those of the run that is resumed.

        Raises `ConfigError` naming every setting that differs.
        """
        if (self.path / CONFIG).exists():
            before = self.config()
            different = _differences(before.model_dump(), config.model_dump())
            different += [
                f"{name}: {known} before, {facts[name]} now"
                for name, known in self.facts().items()
                if name in facts and name != "dataset" and facts[name] != known  # it may have moved
            ]
            if different:
                raise ConfigError(
                    f"{self.path} was begun with other settings:\n  " + "\n  ".join(different) + "\n"
                    "resume with those, or give the new run its own folder with --out"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / CONFIG).write_text(dump_config(config))
        (self.path / "run.json").write_text(json.dumps({**facts}, indent=1))

    def config(self) -> TrainConfig:
        """The run's configuration. Raises `ConfigError` if there is no run."""
        if not (self.path / CONFIG).exists():
            raise ConfigError(f"{self.path} is not a run: it has no config.yaml; `just train <dataset>` starts one")
        return load_training(self.path / CONFIG)

    def facts(self) -> dict[str, object]:
        """The facts in run.json: dataset, samples and encoders."""
        path = self.path / "run.json"
        facts: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
        return facts


def _differences(before: object, now: object, name: str = "") -> list[str]:
    if name and any(name == free or name.startswith(free + ".") for free in _FREE):
        return []
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            line
            for key in now
            for line in _differences(before.get(key), now[key], f"{name}.{key}" if name else str(key))
        ]
    return [] if before == now else [f"{name}: {before} before, {now} now"]
