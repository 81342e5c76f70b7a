"""A Ray cluster of several nodes on this machine: a head without CPUs, and nodes of one CPU that can be killed.

with raylets(2) as cluster:
    start(bucket, dataset, "--set", f"engine.ray_address={cluster.address}")
    cluster.kill(cluster.nodes[0])
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

_STARTS = 4
_STORE_BYTES = 80 << 20  # Ray's least is 75 MB; more than that is spilled to disk


class Raylets:
    """The head and its nodes; `nodes` are those that live."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        # The head takes no work, as in clusters whose nodes come and go.
        head = {"num_cpus": 0, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
        self._cluster: Any = _patiently(lambda: Cluster(initialize_head=True, head_node_args=head))
        self.nodes: list[Any] = []

    @property
    def address(self) -> str:
        """What `engine.ray_address` is set to."""
        return str(self._cluster.address)

    def add(self, cpus: float = 1, environment: Mapping[str, str] | None = None, **options: Any) -> Any:
        """Start a node, with variables of its own in its environment."""
        options = {"num_cpus": cpus, "object_store_memory": _STORE_BYTES, "env_vars": dict(environment or {})} | options
        node = _patiently(lambda: self._cluster.add_node(wait=True, **options))
        self.nodes.append(node)
        return node

    def kill(self, node: Any) -> None:
        """End a node as a lost machine ends: its raylet by SIGKILL, and its workers with it."""
        for process in node.all_processes["raylet"]:
            os.kill(process.process.pid, signal.SIGKILL)
        self._cluster.remove_node(node, allow_graceful=False)
        self.nodes.remove(node)

    def end(self) -> None:
        """End all processes of the cluster."""
        self._cluster.shutdown()


def _patiently(start: Callable[[], Any]) -> Any:
    """Ray waits half a minute for its own processes, which is too short on a machine that many tests share."""
    for _ in range(_STARTS - 1):
        with contextlib.suppress(Exception):  # Ray raises bare exceptions
            return start()
    return start()


@contextmanager
def raylets(count: int) -> Iterator[Raylets]:
    """A cluster with `count` nodes of one CPU."""
    with pytest.MonkeyPatch.context() as environment:
        # Killed nodes are noticed after seconds instead of half a minute.
        environment.setenv("RAY_health_check_period_ms", "500")
        environment.setenv("RAY_health_check_failure_threshold", "4")
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Raylets()
        try:
            for _ in range(count):
                cluster.add()
            yield cluster
        finally:
            cluster.end()
