"""Checks that a cluster is reachable and large enough before Ray is asked: Ray itself waits long, or for ever.

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

from schemas.errors import ConfigError, StageError

_HOST = re.compile(r"(?:ray://)?(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]+):(?P<port>\d{1,5})")
_WORDS = ("auto", "local")
_SECONDS_TO_ANSWER = 10.0
# For Ray's session: logs, sockets, and objects spilled to disk. It fails in obscure ways with less.
_LEAST_MEGABYTES = 100


@dataclass(frozen=True, slots=True)
class Need:
    """What a stage needs of the cluster: `replicas` engines at once, each on `gpus` GPUs if the cluster has any."""

    setting: str
    replicas: int
    gpus: int


def check_room(needs: Sequence[Need], cpus: float, gpus: float, where: str) -> None:
    """Raise `StageError` if the cluster `where` is too small: a stage would wait for ever."""
    if cpus < 1:
        raise StageError(f"Ray {where} has no CPU; start a worker node there, or wait until one has joined")
    for need in needs:
        requested = need.replicas * need.gpus
        if (gpus or need.gpus > 1) and requested > gpus:
            raise StageError(
                f"{need.setting} asks for {requested} GPUs ({need.replicas} replicas of {need.gpus}), but Ray {where} "
                f"has {gpus:g}; lower {need.setting}.replicas or {need.setting}.engine.tensor_parallel_size, or add "
                "nodes"
            )
        if not gpus and cpus < 2:
            raise StageError(
                f"{need.setting} is a vllm engine, which needs a CPU of its own and one that feeds it, but Ray "
                f"{where} has {cpus:g} CPU and no GPU; use a larger machine or another backend"
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
