"""Marks record which part, and which of its rows, a worker is processing: written before the work, removed after.

A process that crashes cannot report it. When its part is retried, the mark is found; then the part's rows are processed
one by one, each under a mark with its key.

    mark = Mark(store, f"{marks_of(spec)}/{part}")
    deaths = mark.left()
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.storage.store import Store

_UNKNOWN = "out of memory, or a crash in a library"


@dataclass(slots=True)
class Deaths:
    """How often processes died on each row of a part, and the reasons where known."""

    times: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def text(self, row: str) -> str:
        """The error recorded for a row that is given up."""
        reason = self.reasons.get(row, _UNKNOWN)
        return f"the worker process died {self.times.get(row, 0)} times on this row: {reason}"


class Mark:
    """The mark of one part. `row` None: the part is processed as a whole; `node` is where this process runs."""

    def __init__(self, store: Store, key: str, node: str = "") -> None:
        self._store, self._key, self._node = store, key, node
        self._state: dict[str, Any] = {}

    def left(self, node_lives: Callable[[str], bool] = lambda _: True) -> Deaths | None:
        """The deaths recorded by earlier processes on this part, including the last row; None if there were none.

        A process whose node was lost does not count: whatever it worked on is not the cause.
        """
        if not self._store.exists(self._key):
            return None
        mark: Mapping[str, Any] = json.loads(self._store.read(self._key))
        deaths = Deaths(dict(mark["deaths"]), dict(mark.get("reasons", {})))
        if mark.get("node") and not mark.get("reason") and not node_lives(mark["node"]):
            return deaths if mark["row"] is not None else None
        row = mark["row"]
        if row is not None:
            deaths.times[row] = deaths.times.get(row, 0) + 1
            if mark.get("reason"):
                deaths.reasons[row] = mark["reason"]
        return deaths

    def set(self, deaths: Deaths, row: str | None) -> None:
        """Record what is processed from now on."""
        self._state = {"deaths": deaths.times, "reasons": deaths.reasons, "row": row, "node": self._node}
        self._write(self._state)

    def explain(self, reason: str) -> None:
        """Record why this process is about to end; called from another thread."""
        if self._state:
            self._write(self._state | {"reason": reason})

    def clear(self) -> None:
        """Remove the mark: the part is done."""
        self._state = {}
        self._store.remove(self._key)

    def _write(self, state: Mapping[str, Any]) -> None:
        self._store.write(self._key, json.dumps(state).encode())
