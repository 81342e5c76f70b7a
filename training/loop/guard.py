"""Stops a run whose loss is not finite or spikes, and writes a file for finding the cause.

The file lists the step's samples with their timesteps and losses; as noise and order depend on the step alone, running
that step again gives the same numbers.

    guard = Guard(folder, spike=10)
    guard.watch(step, loss, gradient_norm, trained)
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
"""Losses needed for a meaningful median."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A sample of a step: its ids, its timestep (0 to 999) and its loss."""

    sample_id: str
    clip_id: str
    timestep: int
    loss: float


class Guard:
    """Watches the loss of every step. A loss above `spike` times the recent median stops the run; 0 turns this off."""

    def __init__(self, folder: Path, spike: float, rank: int = 0) -> None:
        self._folder, self._spike, self._rank = folder, spike, rank
        self._recent: deque[float] = deque(maxlen=_REMEMBERED)
        self._begun = False

    def watch(self, step: int, loss: float, gradient_norm: float, trained: Sequence[Trained]) -> None:
        """Raise `TrainingError` if this step must not be taken."""
        if not self._begun:  # a resumed run starts from the losses before it
            self._begun = True
            before = (line for line in Journal(self._folder / STEPS).read() if int(str(line["step"])) < step)
            self._recent.extend(float(str(line["loss"])) for line in before)
        fault = self._fault(loss, gradient_norm)
        if fault is None:
            self._recent.append(loss)
            return
        worst = sorted(trained, key=lambda sample: -sample.loss if math.isfinite(sample.loss) else -math.inf)
        # Each process writes a file of its own samples.
        path = self._folder / f"stopped-at-step-{step:06d}{f'-rank{self._rank}' if self._rank else ''}.json"
        path.write_text(
            json.dumps(
                {
                    "step": step,
                    "fault": fault,
                    "loss": str(loss),
                    "gradient_norm": str(gradient_norm),
                    "samples": [{**asdict(sample), "loss": str(sample.loss)} for sample in worst],
                    "again": "run the same command: it goes on from the last checkpoint and comes to the same step",
                },
                indent=1,
            )
        )
        clips = ", ".join(sample.clip_id for sample in worst[:3])
        raise TrainingError(
            f"step {step}: {fault}. The clips with the highest loss: {clips}; all are in {path}. Inspect them "
            "(`just explain <dataset> <clip-id>`), lower optimizer.learning_rate, or raise optimizer.spike"
        )

    def _fault(self, loss: float, gradient_norm: float) -> str | None:
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if not math.isfinite(gradient_norm):
            return f"the gradient's norm is {gradient_norm}"
        recent = median(self._recent) if len(self._recent) >= _FEWEST else 0.0
        if self._spike and recent and loss > self._spike * recent:
            return f"the loss {loss:.4g} is more than {self._spike:g} times the median of the last steps ({recent:.4g})"
        return None
