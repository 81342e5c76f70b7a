"""Ends a worker process that takes more memory than it may, before the system ends another one in its place.

What one object makes a library allocate is not known beforehand, and a limit on addresses (`RLIMIT_AS`) counts what
models and threads reserve and never touch. So a thread looks at what the process really holds. The row on which it
ends is found and recorded like that of any process that died (`pipeline.engine.marks`).

    python -m pytest tests/pipeline/engine/test_watch.py
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK_SECONDS = 0.1
_EXIT_CODE = 137  # what a process has that the system ended for its memory
_STATM = Path("/proc/self/statm")


def held_bytes() -> int:
    """Memory of this process that no file backs, in bytes; 0 where the system does not tell."""
    try:
        _, resident, shared, *_ = _STATM.read_text().split()
    except OSError:
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def watched_memory(most_bytes: float, explain: Callable[[str], None]) -> Iterator[None]:
    """End the process if it comes to hold `most_bytes` more than now; `explain` is told why just before."""
    done, before = threading.Event(), held_bytes()

    def watch() -> None:
        while not done.wait(_LOOK_SECONDS):
            taken = held_bytes() - before
            if taken > most_bytes:
                try:
                    explain(f"it took {taken / 1e9:.1f} GB of memory, limits.worker_gigabytes = {most_bytes / 1e9:g}")
                finally:
                    os._exit(_EXIT_CODE)

    thread = threading.Thread(target=watch, name="memory watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
