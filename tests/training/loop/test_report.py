"""Where a run's numbers go: journals that can be gone back in, curves, and a name that is not known."""

import importlib.util
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from schemas.errors import ConfigError
from training.loop.report import Journal, open_logs


def test_a_journal_forgets_what_comes_after_a_checkpoint_and_a_line_that_a_kill_cut(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "steps.jsonl")
    for step in range(5):
        journal.append({"step": step, "loss": 1.0 / (step + 1)})
    with (tmp_path / "steps.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')
    assert [line["step"] for line in journal.read()] == [0, 1, 2, 3, 4]
    journal.go_back(3)
    journal.append({"step": 3, "loss": 9.0})
    assert [line["step"] for line in journal.read()] == [0, 1, 2, 3]
    assert journal.read()[-1]["loss"] == 9.0


def test_curves_reach_tensorboard(tmp_path: Path) -> None:
    (log,) = open_logs(["tensorboard"], tmp_path)
    for step in range(3):
        log.write(step, {"loss": 2.0 - step}, "step")
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("step/loss")] == [(0, 2.0), (1, 1.0), (2, 0.0)]


def test_a_log_that_is_not_known_or_not_installed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'tensorboard'"):
        open_logs(["tensorbord"], tmp_path)
    if importlib.util.find_spec("wandb") is None:
        with pytest.raises(ConfigError, match="pip install wandb"):
            open_logs(["wandb"], tmp_path)
