"""What a node says of itself before the first row: runs on each node of a cluster as a Ray task.

Everything that a node is asked may hang there (a dead file server, an address behind a firewall), so each question has
its own thread and time limit: a node answers in time, whatever is wrong with it. Nothing here raises.

    report = examine(request)        # {"host": "node-3", "packages": {...}, "dataset": "", "source": "...", ...}
"""

import importlib.metadata
import os
import platform
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.engine.requirements import Requirements
from pipeline.storage.addresses import grant, redact
from pipeline.storage.store import Store, open_source

MISSING = "missing"
_SOURCE_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one node is asked: the run's requirements, and where it leaves and reads its mark."""

    requirements: Requirements
    token: str
    """Content of the mark that the driver has written under `theirs`, and that the node writes under `ours`."""
    theirs: str
    ours: str
    seconds: float
    """For each question."""


@dataclass(slots=True, kw_only=True)
class NodeReport:
    """What a node answered. Problems are sentences, empty where there is none."""

    host: str
    python: str
    packages: dict[str, str]
    """Version by name; `missing` where it is not installed."""
    files: dict[str, str] = field(default_factory=dict)
    """Identity by setting; `missing` where there is no such path."""
    variables: frozenset[str] = frozenset()
    """Names of the environment variables that are set, of those that were asked for."""
    dataset: str = ""
    source: str = ""


def examine(request: Request) -> NodeReport:
    """Answer all questions of a request on the machine that this runs on."""
    wanted = request.requirements
    report = NodeReport(
        host=socket.gethostname(),
        python=platform.python_version(),
        packages={name: _version(name) for name in wanted.packages},
        variables=frozenset(name for name in wanted.variables.values() if os.environ.get(name, "").strip()),
    )
    questions = {
        "files": lambda: _identities(wanted),
        "dataset": lambda: _leave_mark(request) if wanted.dataset else "",
        "source": lambda: _read_source(wanted),
    }
    for name, answer in _ask_all(questions, request.seconds).items():
        if name != "files":
            setattr(report, name, answer)
        elif isinstance(answer, dict):
            report.files = answer
        else:
            report.files = dict.fromkeys(wanted.files, str(answer))
    return report


def _ask_all(questions: dict[str, Callable[[], Any]], seconds: float) -> dict[str, Any]:
    """The answers by name; what raises or takes longer than `seconds` answers with a sentence about that."""
    answers: dict[str, Any] = dict.fromkeys(questions, f"no answer within {seconds:g} s")

    def ask(name: str) -> None:
        try:
            answers[name] = questions[name]()
        except Exception as error:  # every store's client has its own exceptions
            answers[name] = redact(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")

    # Daemons: a thread that hangs in a system call must not keep the process from ending.
    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in questions]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(answers)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return MISSING


def _identities(wanted: Requirements) -> dict[str, str]:
    paths = {setting: Path(path).expanduser() for setting, path in wanted.files.items()}
    return {name: wanted.identify(str(path)) if path.exists() else MISSING for name, path in paths.items()}


def _leave_mark(request: Request) -> str:
    store = Store(request.requirements.dataset)
    try:
        read = store.read(request.theirs).decode(errors="replace")
    except FileNotFoundError:
        return "what this machine wrote there is not there on the node, which has another folder of the same name"
    if read != request.token:
        return "the node reads something else there than this machine has written"
    store.write(request.ours, request.token.encode())
    return ""


def _read_source(wanted: Requirements) -> str:
    if wanted.source is None:
        return ""
    grant(wanted.source.uri, wanted.source.address)
    with open_source(wanted.source.uri) as file:
        return "" if file.read(_SOURCE_BYTES) else "it has 0 bytes there"
