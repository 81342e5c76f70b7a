"""Progress lines of long work where no terminal shows a bar: what is running, how far it is, and for how long.

    with Heartbeat("split", total=37) as beat:
        beat.advance(1)                      # "  split: 12 of 37 rows, 1 failed; 90 s, about 190 s to go"

The first line comes after some seconds, later ones less and less often, so that a run of days does not fill a log. They
are printed by a thread, so also while the work is busy with one long video.
"""

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

_FIRST, _LEAST, _MOST = 10.0, 30.0, 600.0  # seconds
_SHARE = 0.1  # of the time that has passed


class Heartbeat:
    """Prints lines on stderr while the block runs; none if `silent`, or with a bar (a terminal) unless `always`."""

    def __init__(
        self,
        name: str,
        total: int | None = None,
        unit: str = "rows",
        *,
        done: int = 0,
        always: bool = False,
        silent: bool = False,
        write: Callable[[str], object] | None = None,
        first: float = _FIRST,
    ) -> None:
        self._name, self._total, self._unit = name, total, unit
        self._begun_with, self._done, self._failed, self._text = done, done, 0, ""
        self._write = write or _to_stderr
        self._first = first
        self._silent = silent or (sys.stderr.isatty() and not always)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._started = time.monotonic()

    def __enter__(self) -> "Heartbeat":
        self._started = time.monotonic()
        if not self._silent:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if not self._silent:
            self._thread.join()

    def advance(self, count: int = 1, failed: int = 0) -> None:
        """Add `count` done items, of which `failed` failed."""
        self._done += count
        self._failed += failed

    def reach(self, done: int, text: str = "", name: str = "") -> None:
        """Set the number of done items; `text` is added to the line, and `name` replaces the name."""
        self._done, self._text, self._name = done, text, name or self._name

    def reach_of(self, done: int, total: int) -> None:
        """Set the number of done items and the total, for work that finds out the total itself."""
        self._done, self._total = done, total

    def line(self, seconds: float) -> str:
        """The line that is printed after so many seconds."""
        text = f"  {self._name}"
        if self._total is not None:
            text += f": {self._done:,} of {self._total:,} {self._unit}"
            what = "" if self._unit != "groups" else "rows "  # of a group some rows fail, never all of it at once
            text += f", {self._failed:,} {what}failed" if self._failed else ""
            text += f", {self._text}" if self._text else ""
        text += f"; {shown_seconds(seconds)}"
        new = self._done - self._begun_with
        if self._total is not None and 0 < new < self._total - self._begun_with:
            text += f", about {shown_seconds(seconds * (self._total - self._done) / new)} to go"
        return text

    def _beat(self) -> None:
        wait = self._first
        while not self._ended.wait(wait):
            seconds = time.monotonic() - self._started
            self._write(self.line(seconds))
            wait = min(_MOST, max(min(self._first * 3, _LEAST), seconds * _SHARE))


def shown_seconds(seconds: float) -> str:
    """A duration as text: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
