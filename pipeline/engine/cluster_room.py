"""Whether a cluster can be reached and has room for a run, asked before Ray is: Ray itself waits long, or for ever.

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
# Ray's session: logs, sockets, and what its object store spills. It fails in obscure ways with less.
_LEAST_MEGABYTES = 100


@dataclass(frozen=True, slots=True)
class Need:
    """What a stage asks of the cluster: `replicas` engines at once, each on `gpus` GPUs if the cluster has any."""

    setting: str
    replicas: int
    gpus: int


def check_room(needs: Sequence[Need], cpus: float, gpus: float, where: str) -> None:
    """Raise `StageError` if the cluster `where` is too small: a stage would wait for what never comes."""
    if cpus < 1:
        raise StageError(f"Ray {where} has no CPU; start a worker node there, or wait until one has joined")
    for need in needs:
        wanted = need.replicas * need.gpus
        if (gpus or need.gpus > 1) and wanted > gpus:
            raise StageError(
                f"{need.setting} asks for {wanted} GPUs ({need.replicas} replicas of {need.gpus}), but Ray {where} has "
                f"{gpus:g}; lower {need.setting}.replicas or {need.setting}.engine.tensor_parallel_size, or add nodes"
            )
        if not gpus and cpus < 2:
            raise StageError(
                f"{need.setting} is a vllm engine, which takes a CPU of its own beside one that feeds it, but Ray "
                f"{where} has {cpus:g} CPU and no GPU; use a larger machine or another backend"
            )


def check_address(address: str) -> None:
    """Raise `ConfigError` if `engine.ray_address` is no address of Ray."""
    found = _HOST.fullmatch(address)
    if address in _WORDS or (found and 0 < int(found["port"]) < 65536):
        return
    raise ConfigError(
        f"engine.ray_address = {address!r} is no address of Ray; write auto, host:6379 or ray://host:10001, or leave "
        "it out to start Ray on this machine"
    )


def check_reachable(address: str, seconds: float = _SECONDS_TO_ANSWER) -> None:
    """Raise `StageError` unless a server of Ray's protocol (gRPC) answers there within `seconds`."""
    found = _HOST.fullmatch(address)
    if found is None or os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
        return  # looked up by Ray itself, or spoken to with certificates
    import grpc

    fix = (
        "check engine.ray_address, and that `ray status` works from here (leave the setting out to start Ray on this "
        "machine)"
    )
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), timeout=seconds).close()
    except OSError as error:
        raise StageError(f"no Ray answers at {address}: {error.strerror or error}; {fix}") from None
    channel = grpc.insecure_channel(f"{found['host']}:{found['port']}")
    try:
        grpc.channel_ready_future(channel).result(timeout=seconds)
    except grpc.FutureTimeoutError:
        raise StageError(
            f"no Ray answers at {address}: what listens there does not speak its protocol within {seconds:g} s; {fix}"
        ) from None
    finally:
        channel.close()


def check_temporary_folder() -> None:
    """Raise `StageError` if the folder that Ray and the decoders work in is full or cannot be written."""
    # As Ray chooses it; Python's own choice passes over a folder that is full.
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
