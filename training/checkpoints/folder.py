"""A run's folder: the configuration it was begun with, what it was trained on, and its files.

    runs/<name>/config.yaml          the resolved configuration
    runs/<name>/run.json             dataset, encoders, versions
    runs/<name>/checkpoints/         the last few, whole
    runs/<name>/steps.jsonl          every optimiser step's numbers
    runs/<name>/lineage-<rank>.jsonl which samples a step trained, at which noise level, with which loss
    runs/<name>/validation.jsonl     held-out loss per bucket and noise level
    runs/<name>/samples/             videos from the fixed prompts, and contact sheets

A folder is resumed only with the configuration that it was begun with; what changes no number may change.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from schemas.errors import ConfigError
from schemas.load import dump_config
from training.config import TrainConfig
from training.recipes import load_training

# Settings that change no number of a run.
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
        """Where checkpoints stand."""
        return self.path / "checkpoints"

    def begin(self, config: TrainConfig, facts: Mapping[str, object]) -> None:
        """Write the configuration and facts, or check them against those of the run that is resumed.

        Raises `ConfigError` that names every setting in which they differ.
        """
        if (self.path / CONFIG).exists():
            found = self.config()
            wrong = _differences(found.model_dump(), config.model_dump())
            wrong += [
                f"{name}: {known} before, {facts[name]} now"
                for name, known in self.facts().items()
                if name in facts and name != "dataset" and facts[name] != known  # it may have moved
            ]
            if wrong:
                raise ConfigError(
                    f"{self.path} was begun with other settings:\n  " + "\n  ".join(wrong) + "\n"
                    "go on with those, or give the new run a folder of its own with --out"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / CONFIG).write_text(dump_config(config))
        (self.path / "run.json").write_text(json.dumps({**facts}, indent=1))

    def config(self) -> TrainConfig:
        """The configuration that the run has. Raises `ConfigError` if there is no run."""
        if not (self.path / CONFIG).exists():
            raise ConfigError(f"{self.path} is no run: it has no config.yaml; `just train <dataset>` makes one")
        return load_training(self.path / CONFIG)

    def facts(self) -> dict[str, object]:
        """What the run was begun with besides its configuration."""
        path = self.path / "run.json"
        found: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
        return found


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
