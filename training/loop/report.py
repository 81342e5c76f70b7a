"""Reports of steps, and where they are written: the run's own `steps.jsonl`, TensorBoard, and Weights & Biases.

A line of `lineage-<rank>.jsonl` lists the samples that a step trained, with timestep and loss, so that one can look up
when a clip was trained. After a resume both files continue from the checkpoint's step.

    tensorboard --logdir runs
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from schemas.errors import ConfigError
from schemas.nearest import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One optimiser step, over all processes. Losses are means over samples; `mfu` is None on unknown devices."""

    step: int
    stage: str
    epoch: int
    loss: float
    gradient_norm: float
    learning_rate: float
    samples: int
    tokens: int
    fill: float
    seconds: float
    tokens_per_second: float
    waiting: float
    """Fraction of the time spent waiting for data."""
    skipped: int
    memory_gigabytes: float
    mfu: float | None

    def scalars(self) -> dict[str, float]:
        """The numeric fields, for curves."""
        return {name: float(value) for name, value in asdict(self).items() if isinstance(value, int | float)}


STEPS = "steps.jsonl"


class Log(Protocol):
    """A destination for scalars."""

    def write(self, step: int, scalars: Mapping[str, float], group: str) -> None:
        """Log the scalars of a step."""
        ...

    def close(self) -> None:
        """Flush and close."""
        ...


class TensorBoardLog:
    """Curves for TensorBoard, in the run's folder."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def write(self, step: int, scalars: Mapping[str, float], group: str) -> None:
        """Log the scalars of a step."""
        for name, value in scalars.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)

    def close(self) -> None:
        """Flush and close."""
        self._writer.close()


class WandbLog:
    """Curves for Weights & Biases; its key comes from the environment. Raises `ConfigError` without `wandb`."""

    def __init__(self, folder: Path) -> None:
        try:
            import wandb
        except ImportError:
            raise ConfigError("loggers: wandb is not installed here; `pip install wandb`, or use tensorboard") from None
        self._run = wandb.init(project="cutroom", name=folder.name, dir=str(folder), resume="allow", id=folder.name)

    def write(self, step: int, scalars: Mapping[str, float], group: str) -> None:
        """Log the scalars of a step."""
        self._run.log({f"{group}/{name}": value for name, value in scalars.items()}, step=step)

    def close(self) -> None:
        """Flush and close."""
        self._run.finish()


LOGS: dict[str, Callable[[Path], Log]] = {"tensorboard": TensorBoardLog, "wandb": WandbLog}


def open_logs(names: list[str], folder: Path) -> list[Log]:
    """The logs with these names. Raises `ConfigError` for an unknown name."""
    for name in names:
        if name not in LOGS:
            raise ConfigError(f"loggers: {name!r} is not known; {did_you_mean(name, LOGS)}")
    return [LOGS[name](folder) for name in names]


class Journal:
    """A file of JSON lines, each with a `step`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.parent.mkdir(parents=True, exist_ok=True)

    def go_back(self, step: int) -> None:
        """Remove the lines of this step and later ones, and a line that a kill left unfinished."""
        kept = [line for line in self.read() if int(str(line["step"])) < step]
        scratch = self._path.with_suffix(".writing")
        scratch.write_text("".join(json.dumps(line) + "\n" for line in kept))
        scratch.replace(self._path)

    def append(self, line: Mapping[str, object]) -> None:
        """Add a line."""
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def read(self) -> list[dict[str, object]]:
        """All complete lines."""
        lines = []
        for line in self._path.read_text().splitlines() if self._path.exists() else ():
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue
        return lines
