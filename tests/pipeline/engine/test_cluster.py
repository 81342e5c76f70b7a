"""A cluster that is missing, too small or not Ray gives a one-line error, not minutes of waiting.

python -m pytest tests/pipeline/engine/test_cluster.py
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from pipeline.engine import cluster_room
from pipeline.engine.cluster import Cluster
from pipeline.engine.cluster_room import (
    Node,
    check_address,
    check_reachable,
    check_room,
    check_temporary_folder,
    cpus_of_worker,
)
from pipeline.engine.requirements import Need, Requirements, StageNeed
from pipeline.stages.caption.models import needs_of
from schemas.config import RunConfig
from schemas.errors import ConfigError, StageError
from schemas.load import load_config


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and says nothing, as another program's may."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()
        taken: list[socket.socket] = []

        def take() -> None:
            server.settimeout(0.1)
            while not stop.is_set():
                try:
                    taken.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=take)
        thread.start()
        yield server.getsockname()[1]
        stop.set()
        thread.join()
        for connection in taken:
            connection.close()


@pytest.mark.parametrize("address", ["auto", "local", "head:6379", "ray://10.0.0.1:10001", "[::1]:6379"])
def test_addresses_of_ray(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize("address", ["", "nonsense", "head", "head:", "head:99999", "http://head:6379", "head:6379/x"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"engine\.ray_address = .* write auto, host:6379 or ray://host:10001"):
        check_address(address)


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nothing_listens_or_nothing_answers_is_said_at_once(scheme: str, silent_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    for port, words in ((closed, "Connection refused"), (silent_port, "does not speak its protocol within 1 s")):
        with pytest.raises(StageError, match=rf"no Ray answers at {scheme}127\.0\.0\.1:{port}: .*{words}"):
            check_reachable(f"{scheme}127.0.0.1:{port}", seconds=1.0)


def test_a_server_that_answers_is_reached() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    check_reachable(f"127.0.0.1:{port}")
    server.stop(None)


def test_a_cluster_is_asked_before_ray_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    with Cluster(f"127.0.0.1:{closed}") as cluster, pytest.raises(StageError, match="no Ray answers at"):
        cluster.start()


def nodes(*offers: tuple[float, float]) -> list[Node]:
    """Nodes by their CPUs and GPUs."""
    return [Node(str(number), f"node{number}", cpus, gpus) for number, (cpus, gpus) in enumerate(offers)]


@pytest.mark.parametrize(
    ("need", "offers", "words"),
    [
        (Need("caption.model", 2, 2), [(8, 3)], "asks for 4 GPUs (2 replicas of 2), but Ray at head:1 has 3"),
        (Need("caption.model", 1, 2), [(8, 0)], "asks for 2 GPUs (1 replicas of 2), but Ray at head:1 has 0"),
        (Need("caption.model", 1, 2), [(8, 1), (8, 1)], "asks 1 times for 2 GPUs of one node, but of the nodes of Ray"),
        (Need("caption.model", 2, 4), [(8, 6), (8, 2)], "which have 8 GPUs in all and 6 at most, 1 can be used so"),
        (Need("summarise.model", 1, 1), [(1, 0)], "needs a CPU of its own and one that feeds it"),
        (Need("summarise.model", 1, 1), [(0, 1)], "has no CPU; start a worker node"),
        (Need("summarise.model", 1, 1), [(0.5, 1), (0.5, 0)], "has no CPU, only parts of one (1 in all)"),
    ],
)
def test_a_cluster_that_is_too_small_is_refused(need: Need, offers: list[tuple[float, float]], words: str) -> None:
    with pytest.raises(StageError) as refused:
        check_room([need], [], nodes(*offers), "at head:1")
    assert words in str(refused.value)


@pytest.mark.parametrize("offers", [[(2, 0)], [(8, 1)], [(1, 1)], [(1, 0), (1, 0)]])
def test_a_cluster_that_suffices_is_not(offers: list[tuple[float, float]]) -> None:
    check_room([Need("caption.model", 1, 1)], [StageNeed("embed", 1, 1)], nodes(*offers), "here")
    check_room([], [StageNeed("split", 1, 0)], nodes((1, 0)), "here")


def test_the_pieces_of_a_replica_may_be_on_several_nodes() -> None:
    check_room([Need("caption.model", 1, 4, pieces=2)], [], nodes((8, 2), (8, 2)), "here")
    with pytest.raises(StageError, match="asks 1 times for 4 GPUs of one node"):
        check_room([Need("caption.model", 1, 4)], [], nodes((8, 2), (8, 2)), "here")


def test_a_stage_that_fits_no_node_is_refused_though_the_sums_suffice() -> None:
    apart = nodes((8, 0), (0, 2))
    with pytest.raises(StageError, match=r"embed fits no node of Ray here: .* a CPU and 1 GPU on one node \(node0"):
        check_room([], [StageNeed("split", 1, 0), StageNeed("embed", 1, 1)], apart, "here")
    check_room([], [StageNeed("embed", 1, 1)], [*apart, *nodes((1, 1))], "here")


@pytest.mark.parametrize(
    ("wanted", "gpus", "offers", "given"),
    [
        (2, 0, [(4, 0)], 2),
        (2, 0, [(1, 0), (1, 0)], 1),
        (2, 1, [(16, 0), (1, 1)], 1),
        (1, 1, [(16, 0), (4, 1)], 1),
        (4, 0, [(3, 0), (0, 0)], 3),
    ],
)
def test_a_worker_is_given_no_more_cpus_than_a_node_has(
    wanted: int, gpus: int, offers: list[tuple[float, float]], given: int
) -> None:
    assert cpus_of_worker(wanted, gpus, nodes(*offers)) == given


def test_engines_are_what_a_configuration_needs() -> None:
    engine = ["caption.model.engine={tensor_parallel_size: 4, pipeline_parallel_size: 2}", "caption.model.replicas=3"]
    changes = ["caption.captioner=vllm", "caption.model.name=org/model", *engine]
    assert needs_of(load_config(changes=changes)) == [Need("caption.model", 3, 8, pieces=2)]
    assert needs_of(RunConfig()) == []


def test_a_running_cluster_is_held_against_each_run_that_joins_it() -> None:
    cluster = Cluster()
    cluster._nodes = nodes((4, 1))
    cluster.expect(Requirements(engines=[Need("caption.model", 1, 2)]))
    with pytest.raises(StageError, match="asks for 2 GPUs"):
        cluster.start()


def test_a_full_temporary_folder_is_named_with_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    check_temporary_folder()
    monkeypatch.setattr(cluster_room, "_LEAST_MEGABYTES", 1 << 40)
    with pytest.raises(StageError, match=rf"{tmp_path} has \d+ MB free, Ray needs .* set TMPDIR to another folder"):
        check_temporary_folder()


def test_a_temporary_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(StageError, match=rf"{tmp_path} cannot be written: No space left on device"):
        check_temporary_folder()
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "nowhere"))
    with pytest.raises(StageError, match="No such file or directory"):
        check_temporary_folder()


_IMPORTED = """
import ray
from pipeline.engine.cluster import Cluster

with Cluster() as cluster:
    cluster.start()

    def look():
        import os, schemas
        return schemas.__file__, os.getcwd()

    print(*ray.get(ray.remote(look).remote()), sep="\\n")
"""


def test_workers_import_our_packages_wherever_the_command_was_typed(tmp_path: Path) -> None:
    """Ray's own default is the folder of the command first: another checkout there would run in place of ours."""
    root = Path(__file__).resolve().parents[3]
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "__init__.py").write_text("")
    ended = subprocess.run(
        [sys.executable, "-P", "-c", _IMPORTED],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines() == [str(root / "schemas" / "__init__.py"), str(tmp_path)]
