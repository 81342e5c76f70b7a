"""Marks tell on which part, and on which of its rows, a worker process died: written before the work, removed after.

A process that crashes cannot say so. It finds its mark when the part is tried again; then the part's rows go one by
one, each under a mark with its name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.storage.store import Store

_UNKNOWN = "out of memory, or a crash in a library"


@dataclass(slots=True)
class Deaths:
    """How often processes died on each row of a part, and why where that is known."""

    times: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def text(self, row: str) -> str:
        """What is recorded of a row on which no process will be started again."""
        reason = self.reasons.get(row, _UNKNOWN)
        return f"the worker process died {self.times.get(row, 0)} times on this row: {reason}"


class Mark:
    """The mark of one part. `row` None: the part as a whole is worked on."""

    def __init__(self, store: Store, key: str) -> None:
        self._store, self._key = store, key
        self._state: dict[str, Any] = {}

    def left(self) -> Deaths | None:
        """What an earlier process left that died on this part, its last row counted; None if there was none."""
        if not self._store.exists(self._key):
            return None
        found: Mapping[str, Any] = json.loads(self._store.read(self._key))
        deaths = Deaths(dict(found["deaths"]), dict(found.get("reasons", {})))
        row = found["row"]
        if row is not None:
            deaths.times[row] = deaths.times.get(row, 0) + 1
            if found.get("reason"):
                deaths.reasons[row] = found["reason"]
        return deaths

    def set(self, deaths: Deaths, row: str | None) -> None:
        """Say what is worked on from now on."""
        self._state = {"deaths": deaths.times, "reasons": deaths.reasons, "row": row}
        self._write(self._state)

    def explain(self, reason: str) -> None:
        """Say why this process is about to end; called from another thread."""
        if self._state:
            self._write(self._state | {"reason": reason})

    def clear(self) -> None:
        """The part is done."""
        self._state = {}
        self._store.remove(self._key)

    def _write(self, state: Mapping[str, Any]) -> None:
        self._store.write(self._key, json.dumps(state).encode())
