"""The record of what one stage did in one run, as `run.json` keeps it.

record = StageRecord(fingerprint=spec.fingerprint)
record.add(report)          # of each part that was computed
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_WORK = ("computed", "parts", "seconds", "busy_seconds", "cpu_seconds")


@dataclass(slots=True)
class StageRecord:
    """What one stage did in one run; written to `run.json` unchanged. Times are in seconds."""

    fingerprint: str
    rows: int = 0
    reused: int = 0
    computed: int = 0
    failed: int = 0
    parts: int = 0
    workers: int = 0
    seconds: float = 0.0
    busy_seconds: float = 0.0
    cpu_seconds: float = 0.0
    counters: dict[str, int] = field(default_factory=dict)

    def add(self, report: Mapping[str, Any]) -> None:
        """Count a part that was computed, by its worker's report."""
        self.computed += report["rows"]
        self.busy_seconds += report["busy_seconds"]
        self.cpu_seconds += report["cpu_seconds"]
        self._count(report["counters"])

    def add_round(self, more: "StageRecord") -> None:
        """Count the rows and the work of another round of the stage, on other rows."""
        self.rows += more.rows
        self.reused += more.reused
        self.failed += more.failed
        self._add_work(more)

    def add_ahead(self, done: "StageRecord") -> None:
        """Count work that was done ahead on rows which are counted here as reused."""
        self.reused -= done.computed
        self._add_work(done)

    def _add_work(self, more: "StageRecord") -> None:
        for name in _WORK:
            setattr(self, name, getattr(self, name) + getattr(more, name))
        self.workers = max(self.workers, more.workers)
        self._count(more.counters)

    def _count(self, counters: Mapping[str, int]) -> None:
        for name, count in counters.items():
            self.counters[name] = self.counters.get(name, 0) + count
