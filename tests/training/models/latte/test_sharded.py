"""Two real processes, sharded (FSDP2): one with pictures only and one with clips only keep step and learn the same."""

import os
import subprocess
import sys

import pytest

from tests.training.models.latte.made import FORMS


@pytest.mark.slow
def test_a_process_without_clips_keeps_step_with_one_without_pictures() -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, "-m", "tests.training.models.latte.sharded"],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    errors = dict(line.split("\t") for line in done.stdout.splitlines() if "\t" in line)
    assert set(errors) == set(FORMS)
    assert max(float(error) for error in errors.values()) < 1e-12
