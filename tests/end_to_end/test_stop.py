"""Stopped by SIGTERM or SIGINT in the middle of its work, a run leaves no process and no half file, and can go on.

The real command in processes of its own, without a language model.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.bucket import make_bucket

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("summarise.summariser=join", "pack.samples_per_shard=1")
PATIENCE_SECONDS = 300


def _start(bucket: Path, dataset: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pipeline.commands.curate", str(bucket), "--out", str(dataset)]
    for setting in SETTINGS:
        command += ["--set", setting]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def _wait_for(dataset: Path, pattern: str, process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not any(dataset.glob(pattern)):
        assert process.poll() is None, "the run ended before the moment came"
        assert time.monotonic() < end
        time.sleep(0.02)


def _below(process: int) -> set[int]:
    """The processes that it started, and those that they did."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    descendants: set[int] = set()
    layer = {process}
    while layer := {child for child, parent in parents.items() if parent in layer} - descendants:
        descendants |= layer
    return descendants


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_run_that_is_stopped_ends_its_processes_and_goes_on_where_it_was(tmp_path: Path) -> None:
    bucket, dataset = make_bucket(tmp_path / "bucket"), tmp_path / "dataset"
    for number, code, moment in (
        (signal.SIGTERM, 143, "splits/*/part-*"),
        (signal.SIGINT, 130, "frame_captions/*/part-*"),
        (signal.SIGTERM, 143, "shards/**/*.tar"),
    ):
        process = _start(bucket, dataset)
        _wait_for(dataset, moment, process)
        workers = _below(process.pid)
        assert workers, "Ray runs"
        os.kill(process.pid, number)
        _, told = process.communicate(timeout=60)
        assert process.returncode == code, told[-2000:]
        assert told.splitlines()[-1] == "stopped; run the same command again to go on from here"
        end = time.monotonic() + 30
        while left := {worker for worker in workers if _alive(worker)}:
            assert time.monotonic() < end, f"still there: {left}"
            time.sleep(0.1)
        assert not (dataset / "run.json").exists()
        assert not list(dataset.rglob(".tmp-*"))
    process = _start(bucket, dataset)
    _, told = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, told[-2000:]
    assert (dataset / "run.json").exists()
