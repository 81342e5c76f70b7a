"""A loss that is no number, or jumps, stops the run with the clips' names and a file to look at."""

import json
import math
from pathlib import Path

import pytest

from schemas.errors import TrainingError
from training.loop.guard import Guard, Trained
from training.loop.report import STEPS, Journal

SAMPLES = [
    Trained(sample_id="a-0", clip_id="a", timestep=3, loss=0.5),
    Trained(sample_id="b-0", clip_id="b", timestep=999, loss=math.nan),
    Trained(sample_id="c-0", clip_id="c", timestep=500, loss=7.0),
]


def test_a_loss_that_is_no_number_names_the_sample_that_made_it_first(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"step 7: the loss is nan\. The clips with the highest loss: b, c, a"):
        Guard(tmp_path, 10.0).watch(7, math.nan, 1.0, SAMPLES)
    report = json.loads((tmp_path / "stopped-at-step-000007.json").read_text())
    assert [(sample["clip_id"], sample["timestep"]) for sample in report["samples"]] == [
        ("b", 999),
        ("c", 500),
        ("a", 3),
    ]


def test_a_gradient_that_is_no_number_stops_too(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="gradient's norm is inf"):
        Guard(tmp_path, 0.0).watch(1, 0.5, math.inf, SAMPLES)


def test_a_jump_stops_only_once_the_usual_loss_is_known(tmp_path: Path) -> None:
    guard = Guard(tmp_path, 10.0)
    guard.watch(0, 100.0, 1.0, SAMPLES)
    for step in range(1, 30):
        guard.watch(step, 1.0, 1.0, SAMPLES)
    guard.watch(30, 9.9, 1.0, SAMPLES)
    with pytest.raises(TrainingError, match="more than 10 times the median"):
        guard.watch(31, 10.5, 1.0, SAMPLES)
    Guard(tmp_path, 0.0).watch(31, 1e9, 1.0, SAMPLES)


def test_a_run_that_goes_on_knows_the_losses_before(tmp_path: Path) -> None:
    journal = Journal(tmp_path / STEPS)
    for step in range(30):
        journal.append({"step": step, "loss": 1.0})
    with pytest.raises(TrainingError, match="more than 10 times the median"):
        Guard(tmp_path, 10.0).watch(30, 11.0, 1.0, SAMPLES)
