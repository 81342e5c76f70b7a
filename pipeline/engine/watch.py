"""Ends a worker process that exceeds its memory limit, before the system kills another process instead.

How much memory a library allocates for an object is not known beforehand, and a limit on address space (`RLIMIT_AS`)
also counts what models and threads reserve and never touch. So a thread polls the memory that is really used. The row
at which the process ends is recorded like that of any process that died (`pipeline.engine.marks`).

    with watched_memory(8e9, mark.explain): ...
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_SECONDS = 0.1
_EXIT_CODE = 137  # that of a process killed by the system's out-of-memory killer
_STATM = Path("/proc/self/statm")


def private_bytes() -> int:
    """Memory of this process that is not backed by files, in bytes; 0 where the system does not report it."""
    try:
        _, resident, shared, *_ = _STATM.read_text().split()
    except OSError:
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def watched_memory(most_bytes: float, explain: Callable[[str], None]) -> Iterator[None]:
    """End the process if it uses `most_bytes` more than now; `explain` is called with the reason just before."""
    done, before = threading.Event(), private_bytes()

    def watch() -> None:
        while not done.wait(_POLL_SECONDS):
            used = private_bytes() - before
            if used > most_bytes:
                try:
                    explain(f"it took {used / 1e9:.1f} GB of memory, limits.worker_gigabytes = {most_bytes / 1e9:g}")
                finally:
                    os._exit(_EXIT_CODE)

    thread = threading.Thread(target=watch, name="memory watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
