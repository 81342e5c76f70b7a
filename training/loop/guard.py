"""Stops a run whose loss is no number or jumps, and leaves behind what is needed to see why.

The file names the step's samples with their noise levels and losses, the seed, and the checkpoint to start from; as
noise and order depend on the step alone, running that step again gives the same numbers.

    python -m pytest tests/training/loop/test_guard.py
"""

import json
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from schemas.errors import TrainingError
from training.loop.report import STEPS, Journal

_REMEMBERED = 100
_FEWEST = 20
"""Losses from which a median means something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A sample in a step: its ids, its noise level and its loss."""

    sample_id: str
    clip_id: str
    timestep: int
    loss: float


class Guard:
    """Watches the loss of every step. `spike` is how many times the recent median stops the run; 0 never does."""

    def __init__(self, folder: Path, spike: float, rank: int = 0) -> None:
        self._folder, self._spike, self._rank = folder, spike, rank
        self._recent: deque[float] = deque(maxlen=_REMEMBERED)
        self._begun = False

    def watch(self, step: int, loss: float, gradient_norm: float, trained: Sequence[Trained]) -> None:
        """Raise `TrainingError` if this step must not be taken."""
        if not self._begun:  # a run that goes on knows what was usual before
            self._begun = True
            before = (line for line in Journal(self._folder / STEPS).read() if int(str(line["step"])) < step)
            self._recent.extend(float(str(line["loss"])) for line in before)
        fault = self._fault(loss, gradient_norm)
        if fault is None:
            self._recent.append(loss)
            return
        worst = sorted(trained, key=lambda one: -one.loss if math.isfinite(one.loss) else -math.inf)
        # Each process knows its own samples, and leaves a file of them.
        path = self._folder / f"stopped-at-step-{step:06d}{f'-rank{self._rank}' if self._rank else ''}.json"
        path.write_text(
            json.dumps(
                {
                    "step": step,
                    "fault": fault,
                    "loss": str(loss),
                    "gradient_norm": str(gradient_norm),
                    "samples": [{**asdict(one), "loss": str(one.loss)} for one in worst],
                    "again": "run the same command: it goes on from the last checkpoint and comes to the same step",
                },
                indent=1,
            )
        )
        clips = ", ".join(one.clip_id for one in worst[:3])
        raise TrainingError(
            f"step {step}: {fault}. Its worst clips: {clips}; all are in {path}. Look at them "
            "(`just explain <dataset> <clip-id>`), lower optimizer.learning_rate, or raise optimizer.spike"
        )

    def _fault(self, loss: float, gradient_norm: float) -> str | None:
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if not math.isfinite(gradient_norm):
            return f"the gradient's norm is {gradient_norm}"
        usual = median(self._recent) if len(self._recent) >= _FEWEST else 0.0
        if self._spike and usual and loss > self._spike * usual:
            return f"the loss {loss:.4g} is more than {self._spike:g} times the median of the last steps ({usual:.4g})"
        return None
