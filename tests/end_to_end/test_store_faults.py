"""Bucket and dataset in an object store over a bad network: 503s, answers that are cut off or short, slow ones.

The run ends with exit code 0 and the bytes of one over a good network.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.benchmarks.kills import SETTINGS, digests
from pipeline.benchmarks.made_films import make_films
from pipeline.storage.store import Store
from tests.faulty_store import faults
from tests.object_store import s3_server

ROOT = Path(__file__).resolve().parents[2]


def curate(place: str, dataset: str) -> None:
    command = [sys.executable, "-m", "pipeline.commands.curate", f"{place}/bucket", "--out", f"{place}/{dataset}"]
    for setting in SETTINGS:
        command += ["--set", setting]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    assert ended.returncode == 0, ended.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_bad_network_changes_nothing() -> None:
    with s3_server("faulty") as place:
        make_films(Store(f"{place}/bucket"), range(3), shots=3, seed=5)
        curate(place, "good")
        with faults(seed=5) as proxy:
            curate(place, "bad")
        assert min(proxy.counts[name] for name in ("refused", "cut", "shortened", "slow")) > 0
        print(dict(proxy.counts))
        assert digests(Store(f"{place}/bad")) == digests(Store(f"{place}/good"))
