"""A cluster that cannot do the work is refused before the first row, naming the node, what it lacks and the fix.

The real command against real nodes, which differ by their environment.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.end_to_end.bucket import Film, write_film
from tests.object_store import s3_server
from tests.raylets import Raylets, raylets

ROOT = Path(__file__).resolve().parents[2]
# The run's own limit is 25 s; the driver's imports and its way to the cluster take a share of a busy machine.
SECONDS = 120


@pytest.fixture(scope="module")
def cluster() -> Iterator[Raylets]:
    with raylets(1) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bucket")
    write_film(folder / "a.mp4", Film((60,), (192, 128), seed=1))
    return folder


def curate(
    cluster: Raylets, bucket: Path, dataset: str, *changes: str, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """The exit code and what was written to stderr."""
    command = [sys.executable, "-m", "pipeline.commands.curate", str(bucket), "--out", dataset]
    for change in (f"engine.ray_address={cluster.address}", "summarise.summariser=join", *changes):
        command += ["--set", change]
    started = time.monotonic()
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    print(f"{time.monotonic() - started:.1f} s", ended.stderr)
    return ended.returncode, ended.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_node_with_another_version_of_a_package_is_named(cluster: Raylets, bucket: Path, tmp_path: Path) -> None:
    information = tmp_path / "site" / "av-1.2.3.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: av\nVersion: 1.2.3\n")
    node = cluster.add(environment={"PYTHONPATH": str(tmp_path / "site")})
    code, told = curate(cluster, bucket, str(tmp_path / "set"))
    cluster.kill(node)
    assert code == 2
    last = told.splitlines()[-1]
    assert "packages: av 1.2.3 there, 18.1.0 here; start every node from one image" in last
    assert not (tmp_path / "set" / "videos").exists()
    assert not list((tmp_path / "set").glob(".nodes*"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_node_that_cannot_reach_the_store_of_the_dataset_is_named(
    cluster: Raylets, bucket: Path, tmp_path: Path
) -> None:
    with s3_server("sets") as uri:
        # The nodes have no address of the store: what is only in the environment of this machine is not there.
        code, told = curate(cluster, bucket, f"{uri}/set", "engine.node_seconds=15")
        assert code == 2
        assert "dataset: s3://sets/set: " in told
        assert "give a dataset that every node can read and write" in told
        names = "engine.environment=[AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY]"
        code, told = curate(cluster, bucket, f"{uri}/set", names)
        # The film is too small for every bucket: the run has done its work and ships nothing.
        assert code == 1, told
        assert "no sample ships" in told


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_key_that_no_node_has_is_named_without_its_value(cluster: Raylets, bucket: Path, tmp_path: Path) -> None:
    endpoint = ("caption.captioner=openai", "caption.model.name=m", "caption.model.base_url=https://api.example.com/v1")
    key = {"KEY_OF_A_TEST": "a-value-that-is-secret"}
    changes = (*endpoint, "caption.model.key_variable=KEY_OF_A_TEST")
    code, told = curate(cluster, bucket, str(tmp_path / "set"), *changes, environment=key)
    assert code == 2
    assert "caption.model.key_variable: KEY_OF_A_TEST is not set; add KEY_OF_A_TEST to engine.environment" in told
    assert "a-value-that-is-secret" not in told
