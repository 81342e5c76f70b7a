"""The Ray cluster that runs the stages: started on this machine when first needed, or joined at an address.

just curate <bucket> --set engine.ray_address=auto
"""

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline.engine.cluster_nodes import Finding, nodes_of_cluster, refuse, survey
from pipeline.engine.cluster_room import Node, check_reachable, check_room, check_temporary_folder, cpus_of_worker
from pipeline.engine.environment import check_set, share
from pipeline.engine.requirements import Requirements
from pipeline.engine.travel import packed
from pipeline.stage import StageSpec
from schemas.errors import CutroomError, StageError

_ROOT = Path(__file__).resolve().parents[2]
# Rows carry URIs and spans, so little travels through the object store.
_OBJECT_STORE_BYTES = 256 << 20
_LOOK_SECONDS = 0.02
# Ray waits half a minute for its own processes, which is too short on a machine with busy cores.
_START_TRIES = 3
_LOG_TAIL = 200_000  # bytes
# Excludes the complaints of a terminating process about files that no longer exist.
_ERROR_LINE = re.compile(r"\b\w*(?:Error|Exception|Died)\w*: (?!'/)\S|out of memory|Killed")
_ENVIRONMENT = {
    # Worker deaths are handled and recorded per row; Ray's own messages about them would bury the progress.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    # A run sends no usage statistics.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class Cluster:
    """The Ray cluster that runs the stages. A context manager: leaving it shuts Ray down if it was started."""

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._requirements = Requirements()
        self._nodes: list[Node] = []
        self.vault: Any = None
        """Where workers get the values of `engine.environment`; None where they have this machine's environment."""
        self.cores = 0
        """CPUs in the cluster; 0 before `start`."""
        self.gpus = 0
        """GPUs in the cluster; without one, stages that ask for a GPU run on the CPU."""

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._nodes:
            import ray

            ray.shutdown()
            self.cores, self.vault, self._nodes = 0, None, []

    def expect(self, requirements: Requirements) -> None:
        """Check the cluster and its nodes, when it is started or joined, against what a run needs."""
        self._requirements = requirements

    def start(self) -> None:
        """Start or join Ray, once. Raises `StageError` if it cannot be reached or cannot do the run's work."""
        joins = not self._nodes
        self._connect_once()
        self.check_room()
        if joins and self._address:
            refuse(survey(self._requirements, self._nodes, self.vault))

    def cpus_of_worker(self, spec: StageSpec) -> int:
        """CPUs for one worker of a stage: at most as many as a node has."""
        return cpus_of_worker(spec.cpus, min(spec.gpus, self.gpus), self._nodes)

    def check_room(self) -> None:
        """Raise `StageError` if an engine or a stage fits no node of the cluster, which is joined."""
        check_room(self._requirements.engines, self._requirements.stages, self._nodes, self._where)

    def findings(self) -> list[Finding]:
        """Join the cluster and ask its nodes; what each said. Raises `StageError` if it cannot be reached."""
        self._connect_once()
        return survey(self._requirements, self._nodes, self.vault)

    @property
    def _where(self) -> str:
        return f"at {self._address}" if self._address else "on this machine"

    def _connect_once(self) -> None:
        if self._nodes:
            return
        if self._address:
            check_set(self._requirements.shared)
            check_reachable(self._address)
        else:
            check_temporary_folder()
        # Local workers import the packages from here; a remote cluster gets them with its runtime environment.
        os.environ["PYTHONPATH"] = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import ray
        import ray.data
        from ray.data._internal.execution import streaming_executor_state

        most_tries = 1 if self._address else _START_TRIES
        for tries in range(1, most_tries + 1):
            try:
                with _native_stderr_silenced(), _keep_sigterm_handler():
                    self._connect()
                break
            except CutroomError:
                raise
            except Exception as error:  # Ray raises bare exceptions when a busy machine makes it wait too long
                ray.shutdown()
                if tries == most_tries:
                    text = " ".join(str(error).split())[:300]
                    verb = "joined" if self._address else "started"
                    raise StageError(f"Ray cannot be {verb} {self._where}: {text}") from error
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        context.execution_no_progress_timeout_s = -1  # one long video may take longer than any time-out
        # While several tasks run, Ray Data waits for so long before it looks which of them are done. Its 0.1 s, twice
        # per task, left workers idle for a fifth of a second between tasks (`just bench scale overlap`).
        streaming_executor_state.WAIT_FOR_TASK_COMPLETION_TIMEOUT_S = _LOOK_SECONDS
        self._nodes = nodes_of_cluster()
        self.cores = sum(int(node.cpus) for node in self._nodes)
        self.gpus = sum(int(node.gpus) for node in self._nodes)
        if self._address:
            self.vault = share(self._requirements.shared)

    def _connect(self) -> None:
        import ray
        from ray.job_config import JobConfig

        if self._address:
            # Inside a job of `ray job submit`, whose own working folder Ray would refuse to replace.
            os.environ["RAY_OVERRIDE_JOB_RUNTIME_ENV"] = "1"
            with packed(_ROOT, self._requirements.files.values()) as folder:
                ray.init(
                    address=self._address,
                    runtime_env={"working_dir": str(folder)},
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            return
        job = JobConfig()
        # Else Ray lets its workers import from the folder in which the command was typed, before all others: packages
        # of the same names that happen to lie there (another checkout) would run in place of ours.
        job._runtime_env_has_working_dir = lambda: True  # type: ignore[method-assign]
        ray.init(
            address="local",  # not a Ray that somebody else has started on this machine
            job_config=job,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=_OBJECT_STORE_BYTES,
        )


class WorkerLogs:
    """What local workers write to their logs from now on; the logs of remote workers stay on their machines."""

    def __init__(self) -> None:
        import ray._private.worker

        node = ray._private.worker.global_worker.node
        self._folder = Path(node.get_logs_dir_path()) if node is not None else None
        self._sizes = {file.name: file.stat().st_size for file in self._files()}

    def last_errors(self, most: int = 4) -> str:
        """The last log lines that name an error, as a sentence; empty if there are none."""
        errors: dict[str, None] = {}
        for file in sorted(self._files(), key=lambda path: path.stat().st_mtime):
            with file.open("rb") as stream:
                stream.seek(max(self._sizes.get(file.name, 0), file.stat().st_size - _LOG_TAIL))
                lines = stream.read().decode(errors="replace").splitlines()
            errors |= dict.fromkeys(line.strip()[-300:] for line in lines if _ERROR_LINE.search(line))
        return f" The last errors in its log: {' | '.join(list(errors)[-most:])}" if errors else ""

    def _files(self) -> list[Path]:
        return list(self._folder.glob("worker-*")) if self._folder is not None else []


@contextmanager
def _keep_sigterm_handler() -> Iterator[None]:
    """Restore our SIGTERM handler: Ray installs its own, which would end a run with another code and no message."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _native_stderr_silenced() -> Iterator[None]:
    """Keep the start-up messages of Ray's native code off the terminal; errors still come as exceptions."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
