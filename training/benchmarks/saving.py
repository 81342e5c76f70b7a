"""How long a checkpoint pauses training, written synchronously or asynchronously.

Measured in wall-clock seconds, as waiting for a disk costs no CPU time; the two modes alternate.

    from training.benchmarks.saving import run
    rows = run()
"""

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from training.benchmarks.step import made_step, our_trainer
from training.benchmarks.timing import at_most
from training.checkpoints.checkpoint import Checkpoints, RunState, optimizer_tensors
from training.config import StageConfig
from training.data.shapes import ClipShape
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX, initialise
from training.parallel import World

HEADINGS = ("checkpoint written", "MB", "training stands still, ms", "beside synchronous", "aim")
SIZES = CogVideoXConfig(heads=8, layers=2, text_dim=64, text_length=32, time_embed_dim=128)
_STAGE = StageConfig(name="bench", steps=1000, pack_length=1000)
_CLIP = ClipShape(64, 64, 9, 8.0)


class Saver:
    """A model in training, with checkpoints in a folder, written synchronously or asynchronously."""

    def __init__(self, folder: Path, asynchronous: bool, sizes: CogVideoXConfig = SIZES) -> None:
        model = CogVideoX(sizes)
        initialise(model, seed=0)
        self._trainer, self._step = our_trainer(model), 0
        self._loaded = made_step(sizes, 1, clip=_CLIP)
        self.folder = folder
        self._checkpoints = Checkpoints(folder, World(0, 1, torch.device("cpu")), 1, asynchronous)
        self.train()

    def train(self) -> None:
        """Take one step."""
        self._trainer.step(self._loaded, _STAGE, self._step, self._step)
        self._step += 1

    def save(self) -> float:
        """Save once, take a step, and wait for the checkpoint; returns the seconds for which training paused."""
        model = self._trainer.method.model
        names: dict[torch.Tensor, str] = {weight: name for name, weight in model.named_parameters()}
        tensors = {f"model.{name}": weight.detach() for weight, name in names.items()}
        tensors |= optimizer_tensors(self._trainer.optimizer, names)
        state = RunState(step=self._step, stage=0, stage_step=self._step, tensors=tuple(tensors))
        started = time.perf_counter()
        self._checkpoints.save(state, tensors)
        pause = time.perf_counter() - started
        self.train()
        self._checkpoints.complete()
        return pause


def run(rounds: int = 5) -> list[Sequence[object]]:
    """Save weights and both moments of a model alternately, after a first save each."""
    pauses: dict[str, list[float]] = {"synchronously": [], "asynchronously": []}
    with tempfile.TemporaryDirectory() as folder:
        savers = {name: Saver(Path(folder) / name, name == "asynchronously") for name in pauses}
        for round_number in range(rounds + 1):
            for name, saver in savers.items():
                seconds = saver.save()
                if round_number:
                    pauses[name].append(seconds)
        size = sum(file.stat().st_size for file in savers["synchronously"].folder.rglob("*")) / 1e6
    medians = {name: statistics.median(seconds) for name, seconds in pauses.items()}
    rows: list[Sequence[object]] = []
    for name, median in medians.items():
        ratio = median / medians["synchronously"]
        aim = at_most(ratio, 1.0) if name == "asynchronously" else ""
        rows.append((name, f"{size:.0f}", f"{1000 * median:.0f}", f"{ratio:.3f}", aim))
    return rows
