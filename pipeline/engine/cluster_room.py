"""Checks that a cluster is reachable and its nodes large enough before Ray is asked: Ray itself waits, or for ever.

just curate <bucket> --set engine.ray_address=head:6379
"""

import os
import re
import shutil
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.requirements import Need, StageNeed
from schemas.errors import ConfigError, StageError

_HOST = re.compile(r"(?:ray://)?(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]+):(?P<port>\d{1,5})")
_WORDS = ("auto", "local")
_SECONDS_TO_ANSWER = 10.0
# For Ray's session: logs, sockets, and objects spilled to disk. It fails in obscure ways with less.
_LEAST_MEGABYTES = 100
_NODES_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the cluster with what it offers: CPUs, GPUs, and memory in bytes."""

    id: str
    name: str
    cpus: float
    gpus: float
    memory: float = 0.0


def check_room(engines: Sequence[Need], stages: Sequence[StageNeed], nodes: Sequence[Node], where: str) -> None:
    """Raise `StageError` if an engine or a worker of a stage fits no node: it would wait for ever."""
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    if not any(node.cpus >= 1 for node in nodes):
        parts = f", only parts of one ({cpus:g} in all)" if cpus else ""
        raise StageError(f"Ray {where} has no CPU{parts}; start a worker node there, or wait until one has joined")
    for stage in stages:
        _check_stage(stage, nodes, bool(gpus), where)
    for need in engines:
        _check_engine(need, nodes, where)
        if not gpus and cpus < 2:
            raise StageError(
                f"{need.setting} is a vllm engine, which needs a CPU of its own and one that feeds it, but Ray "
                f"{where} has {cpus:g} CPU and no GPU; use a larger machine or another backend"
            )


def cpus_of_worker(wanted: int, gpus: int, nodes: Sequence[Node]) -> int:
    """CPUs that one worker is given: those wanted, or as many as the largest suitable node has, at least 1.

    A cluster of small nodes has enough CPUs in all, but a worker is on one node.
    """
    most = max((int(node.cpus) for node in nodes if node.gpus >= gpus), default=0)
    return max(1, min(wanted, most))


def _check_stage(stage: StageNeed, nodes: Sequence[Node], has_gpus: bool, where: str) -> None:
    gpus = stage.gpus if has_gpus else 0
    if any(node.cpus >= 1 and node.gpus >= gpus for node in nodes):
        return
    largest = ", ".join(f"{node.name}: {node.cpus:g} CPUs, {node.gpus:g} GPUs" for node in nodes[:_NODES_SHOWN])
    raise StageError(
        f"stage {stage.stage} fits no node of Ray {where}: a worker of it needs a CPU and {gpus} GPU on one node "
        f"({largest}); start a node with both, or hide the GPUs (`ray start --num-gpus 0`), and it runs on CPUs"
    )


def _check_engine(need: Need, nodes: Sequence[Node], where: str) -> None:
    """A piece of an engine runs on one node, so what counts is how many pieces the nodes hold, not the sum of GPUs."""
    gpus = sum(node.gpus for node in nodes)
    per_piece = need.gpus // need.pieces
    if not gpus and need.gpus <= 1:
        return
    pieces = need.replicas * need.pieces
    room = sum(int(node.gpus // per_piece) for node in nodes)
    if room >= pieces:
        return
    fix = f"lower {need.setting}.replicas or {need.setting}.engine.tensor_parallel_size, or add nodes"
    if need.replicas * need.gpus > gpus:
        raise StageError(
            f"{need.setting} asks for {need.replicas * need.gpus} GPUs ({need.replicas} replicas of {need.gpus}), but "
            f"Ray {where} has {gpus:g}; {fix}"
        )
    most = max(node.gpus for node in nodes)
    raise StageError(
        f"{need.setting} asks {pieces} times for {per_piece} GPUs of one node, but of the nodes of Ray {where}, which "
        f"have {gpus:g} GPUs in all and {most:g} at most, {room} can be used so; {fix}"
    )


def check_address(address: str) -> None:
    """Raise `ConfigError` if `engine.ray_address` is not a Ray address."""
    match = _HOST.fullmatch(address)
    if address in _WORDS or (match and 0 < int(match["port"]) < 65536):
        return
    raise ConfigError(
        f"engine.ray_address = {address!r} is not a Ray address; write auto, host:6379 or ray://host:10001, or leave "
        "it out to start Ray on this machine"
    )


def check_reachable(address: str, seconds: float = _SECONDS_TO_ANSWER) -> None:
    """Raise `StageError` unless a server that speaks Ray's protocol (gRPC) answers within `seconds`."""
    match = _HOST.fullmatch(address)
    if match is None or os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
        return  # resolved by Ray itself, or reached with TLS
    import grpc

    fix = (
        "check engine.ray_address, and that `ray status` works from here (leave the setting out to start Ray on this "
        "machine)"
    )
    try:
        socket.create_connection((match["host"].strip("[]"), int(match["port"])), timeout=seconds).close()
    except OSError as error:
        raise StageError(f"no Ray answers at {address}: {error.strerror or error}; {fix}") from None
    channel = grpc.insecure_channel(f"{match['host']}:{match['port']}")
    try:
        grpc.channel_ready_future(channel).result(timeout=seconds)
    except grpc.FutureTimeoutError:
        raise StageError(
            f"no Ray answers at {address}: what listens there does not speak its protocol within {seconds:g} s; {fix}"
        ) from None
    finally:
        channel.close()


def check_temporary_folder() -> None:
    """Raise `StageError` if the temporary folder of Ray and the decoders is full or cannot be written."""
    # The folder that Ray chooses; Python's own choice would skip a full one.
    folder = Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or tempfile.gettempdir())
    fix = "free some, or set TMPDIR to another folder"
    try:
        free = shutil.disk_usage(folder).free >> 20
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StageError(f"temporary folder {folder} cannot be written: {error.strerror}; {fix}") from None
    if free < _LEAST_MEGABYTES:
        raise StageError(f"temporary folder {folder} has {free} MB free, Ray needs {_LEAST_MEGABYTES}; {fix}")
