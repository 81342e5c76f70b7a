"""Nodes, the driver and workers of a cluster are lost in the middle of a run: the dataset equals an undisturbed one.

The real command on nodes of one CPU with small object stores, held against a run on this machine, byte for byte.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.bucket import FILMS, write_film
from tests.end_to_end.contents import contents
from tests.raylets import Raylets, raylets

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (
    "summarise.summariser=join",
    "ingest.videos_per_part=1",
    "caption.stills_per_part=4",
    "pack.samples_per_shard=2",
    "pack.buckets=[384x256x17@8]",
    "engine.node_seconds=120",  # a machine that is shared by many tests may be slow, and is not refused for that
)
PATIENCE_SECONDS = 400
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bucket")
    for key, film in FILMS.items():
        write_film(folder / key, film)
    return folder


def start(bucket: Path, dataset: Path, *changes: str, command: str = "curate") -> "subprocess.Popen[str]":
    what = [str(bucket), "--out", str(dataset)] if command == "curate" else [str(dataset)]
    line = [sys.executable, "-m", f"pipeline.commands.{command}", *what]
    for change in (*SETTINGS, *changes):
        line += ["--set", change]
    return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process: "subprocess.Popen[str]") -> None:
    _, told = process.communicate(timeout=PATIENCE_SECONDS)
    print(told)
    assert process.returncode == 0, told[-2000:]


def wait_for(dataset: Path, pattern: str, process: "subprocess.Popen[str]", count: int = 1) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while len(list(dataset.glob(pattern))) < count:
        if process.poll() is not None:
            raise AssertionError(f"the run ended before {pattern}: {process.communicate()[1][-2000:]}")
        assert time.monotonic() < end, f"no {pattern}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def wanted(bucket: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What an undisturbed run on this machine makes."""
    dataset = tmp_path_factory.mktemp("undisturbed") / "set"
    finish(start(bucket, dataset))
    made = contents(dataset)
    assert len(made["shards"]) >= 2
    return made


@pytest.fixture
def cluster() -> Iterator[Raylets]:
    with raylets(2) as cluster:
        yield cluster


def expect_equal(dataset: Path, wanted: dict[str, object]) -> None:
    made = contents(dataset)
    for name, value in wanted.items():
        assert made[name] == value, f"{name} differ"
    assert not list(dataset.rglob(".tmp-*"))


def test_a_node_is_lost(cluster: Raylets, bucket: Path, wanted: dict[str, object], tmp_path: Path) -> None:
    dataset = tmp_path / "set"
    process = start(bucket, dataset, f"engine.ray_address={cluster.address}")
    wait_for(dataset, ".tries/splits/*/part-*", process)
    cluster.kill(cluster.nodes[0])
    finish(process)
    expect_equal(dataset, wanted)


def test_the_driver_is_lost(cluster: Raylets, bucket: Path, wanted: dict[str, object], tmp_path: Path) -> None:
    dataset = tmp_path / "set"
    address = f"engine.ray_address={cluster.address}"
    for moment in ("splits/*/part-*", "frame_captions/*/part-*"):
        process = start(bucket, dataset, address)
        wait_for(dataset, moment, process)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    finish(start(bucket, dataset, address))
    expect_equal(dataset, wanted)


def test_all_nodes_are_lost_twice(cluster: Raylets, bucket: Path, wanted: dict[str, object], tmp_path: Path) -> None:
    """As machines on the spot market are: all at once, and others come later."""
    dataset = tmp_path / "set"
    process = start(bucket, dataset, f"engine.ray_address={cluster.address}")
    for moment in (".tries/splits/*/part-*", "frame_captions/*/part-*"):
        wait_for(dataset, moment, process)
        for node in list(cluster.nodes):
            cluster.kill(node)
        for _ in range(2):
            cluster.add()
    finish(process)
    expect_equal(dataset, wanted)
