"""Progress on stderr: a bar while a stage runs, a line when it is done.

Without a terminal there are lines only: one every so often while a stage works (`schemas.heartbeat`).
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from schemas.heartbeat import Heartbeat


class Progress:
    """Bars and lines of one run."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, highlight=False)

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show a spinner for something without a count."""
        if not self._console.is_terminal:
            with Heartbeat(text, always=True, write=self.note):
                yield
            return
        with self._console.status(text):
            yield

    @contextmanager
    def bar(self, name: str, total: int, unit: str = "rows") -> Iterator[Callable[[int, int], None]]:
        """A bar for `total` rows; yields a function that takes (rows, failed rows) since its last call."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:18}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}{task.fields[failed]}"),
            TimeElapsedColumn(),
        )
        bars = Bars(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        beat = Heartbeat(name, total, unit, always=True, write=self.note)
        failures, what = 0, "" if unit != "groups" else "rows "
        with bars, contextlib.nullcontext() if self._console.is_terminal else beat:
            task = bars.add_task(name, total=total, unit=unit, failed="")

            def advance(rows: int, failed: int) -> None:
                nonlocal failures
                failures += failed
                beat.advance(rows, failed)
                bars.update(task, advance=rows, failed=f", {failures} {what}failed" if failures else "")

            yield advance

    def stage(self, name: str, rows: int, computed: int, failed: int, seconds: float) -> None:
        """Print the line of a finished stage."""
        text = f"  {name:18} {rows:6} rows, {computed:6} computed"
        text += f", {failed} failed" if failed else ""
        self._console.print(f"{text}  {seconds:6.1f} s", soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, soft_wrap=True)
