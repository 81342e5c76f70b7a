"""Two real processes over gloo: sharded (FSDP2), the same samples, noise levels and losses as one process has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

STEPS = 20


def start(folder: Path, processes: int, *arguments: object, replicas: int = 1) -> None:
    """Run the made run on so many processes, to its end."""
    command = [
        sys.executable,
        "-m",
        "tests.training.process_of_run",
        str(folder),
        *(str(argument) for argument in arguments),
    ]
    if processes > 1:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command = [sys.executable, *launcher, *command[1:]]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "OMP_NUM_THREADS": "1", "REPLICAS": str(replicas)},
    )
    if len(arguments) < 2:
        assert done.returncode == 0, done.stderr[-3000:]


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "steps.jsonl").read_text().splitlines()]


def samples(folder: Path) -> list[set[tuple[str, int]]]:
    """The samples of each step with their noise levels, over all processes."""
    samples: dict[int, set[tuple[str, int]]] = {}
    for path in folder.glob("lineage-*.jsonl"):
        for text in path.read_text().splitlines():
            line = json.loads(text)
            samples.setdefault(line["step"], set()).update((sample[0], sample[2]) for sample in line["samples"])
    return [samples[step] for step in sorted(samples)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process that nothing stopped."""
    folder = tmp_path_factory.mktemp("alone")
    start(folder, 1, STEPS)
    return folder


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes that nothing stopped."""
    folder = tmp_path_factory.mktemp("pair")
    start(folder, 2, STEPS)
    return folder


def test_two_processes_train_what_one_trains(alone: Path, pair: Path) -> None:
    assert samples(pair) == samples(alone)
    assert losses(pair) == pytest.approx(losses(alone), rel=1e-5)
    last = [json.loads((folder / "validation.jsonl").read_text().splitlines()[-1]) for folder in (alone, pair)]
    assert last[0]["loss"] == pytest.approx(last[1]["loss"], rel=1e-5)


def test_two_whole_copies_train_what_one_trains(alone: Path, tmp_path: Path) -> None:
    start(tmp_path, 2, STEPS, replicas=2)
    assert losses(tmp_path) == pytest.approx(losses(alone), rel=1e-5)


def test_a_run_of_two_killed_and_resumed_by_two_is_bit_for_bit_the_same(pair: Path, tmp_path: Path) -> None:
    start(tmp_path, 2, STEPS, 12)
    start(tmp_path, 2, STEPS)
    assert losses(tmp_path) == losses(pair)
    assert samples(tmp_path) == samples(pair)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_a_killed_run_goes_on_at_another_number_of_processes(
    alone: Path, tmp_path: Path, before: int, after: int
) -> None:
    start(tmp_path, before, STEPS, 12)
    assert len(losses(tmp_path)) == 13
    start(tmp_path, after, STEPS)
    assert losses(tmp_path) == pytest.approx(losses(alone), rel=1e-5)
