"""Killed with -9 at several moments and run again, a dataset equals that of an undisturbed run, byte for byte.

The real command in processes of its own, with the real language model.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.bucket import make_bucket
from tests.end_to_end.contents import contents

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("summarise.clips_per_part=2", "caption.stills_per_part=4", "pack.samples_per_shard=2")
PATIENCE_SECONDS = 400


def start(bucket: Path, dataset: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pipeline.commands.curate", str(bucket), "--out", str(dataset)]
    for setting in SETTINGS:
        command += ["--set", setting]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(bucket: Path, dataset: Path) -> None:
    process = start(bucket, dataset)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors.decode()[-2000:]


def kill_when(bucket: Path, dataset: Path, moment: Callable[[Path], bool]) -> None:
    """Start a run and kill its driver with -9 as soon as the moment has come; its workers die with Ray."""
    process = start(bucket, dataset)
    end = time.monotonic() + PATIENCE_SECONDS
    while not moment(dataset):
        assert process.poll() is None, "the run ended before the moment came"
        assert time.monotonic() < end
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL


def some(pattern: str) -> Callable[[Path], bool]:
    return lambda dataset: any(dataset.glob(pattern))


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_killed_runs_end_as_an_undisturbed_one_does(tmp_path: Path) -> None:
    bucket = make_bucket(tmp_path / "bucket")
    finish(bucket, tmp_path / "undisturbed")
    wanted = contents(tmp_path / "undisturbed")
    assert len(wanted["shards"]) >= 3
    killed = tmp_path / "killed"
    moments = ("splits/*/part-*", "frame_captions/*/part-*", "captions/*/part-*", "shards/*/*.tar")
    for pattern in moments:
        kill_when(bucket, killed, some(pattern))
    finish(bucket, killed)
    killed_contents = contents(killed)
    for name, value in wanted.items():
        assert killed_contents[name] == value, f"{name} differ after kills"
    assert not list(killed.rglob(".tmp-*"))
