"""The main job as a command in a process group of its own, which is killed as a whole at a moment of choice.

struck = KilledRun(command).kill_after(after="summarise", seconds=0.4)
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import StageError

_POLL_SECONDS = 0.02
_PATIENCE_SECONDS = 1800.0
_GONE_SECONDS = 30.0
# What the command writes to stderr when a stage is done: its name and its rows.
_DONE = re.compile(r"^  (\S+(?: \S+)?) +\d+ rows, +\d+ computed", re.MULTILINE)


class KilledRun:
    """One run of the command; everything that it starts is ended with it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            list(command), stdout=subprocess.DEVNULL, stderr=self._log, start_new_session=True
        )

    def done(self) -> list[str]:
        """The stages that have ended, by the command's own lines."""
        return _DONE.findall(self._text())

    def finish(self) -> float:
        """Wait for the end; returns seconds. Raises `StageError` unless the exit code is 0."""
        started = time.monotonic()
        code = self._process.wait(_PATIENCE_SECONDS)
        if code:
            raise StageError(f"a run that was not killed ended with {code}: {self._text()[-1000:]}")
        return time.monotonic() - started

    def kill_after(self, after: str, seconds: float) -> str:
        """Kill it `seconds` after the stage `after` has ended (empty: after its start); returns the stage that it hit.

        Empty if the run ended before. Raises `StageError` if it ended by itself with an error.
        """
        end = time.monotonic() + _PATIENCE_SECONDS
        while after and after not in self.done() and self._process.poll() is None and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        if self._process.poll() is not None:
            self.finish()
            return ""
        below = _below(self._process.pid)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        _end(below)
        return f"after {self.done()[-1]}" if self.done() else "before the first stage ended"

    def _text(self) -> str:
        self._log.flush()
        return os.pread(self._log.fileno(), 1 << 20, 0).decode(errors="replace")


def _below(process: int) -> dict[int, str]:
    """The processes that it started, and those that they did, with the moments of their starts."""
    parents: dict[int, int] = {}
    started: dict[int, str] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            parents[int(status.parent.name)] = int(fields[1])
            started[int(status.parent.name)] = fields[19]
    below: dict[int, str] = {}
    layer = {process}
    while layer := {child for child, parent in parents.items() if parent in layer} - set(below):
        below |= {child: started[child] for child in layer}
    return below


def _end(processes: dict[int, str]) -> None:
    """End what the group's end left: Ray puts its workers into sessions of their own, and they end by themselves."""
    end = time.monotonic() + _GONE_SECONDS
    while (left := [pid for pid, started in processes.items() if _is(pid, started)]) and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _is(process: int, started: str) -> bool:
    """Whether a process is still the one that started then, and not a new one with its number."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] != "Z" and fields[19] == started
