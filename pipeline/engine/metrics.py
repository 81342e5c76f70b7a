"""Metrics for Prometheus, by Ray's own: every node of a cluster serves them beside Ray's (docs/clusters.md).

The driver counts what workers report, part by part. Ray puts `ray_` before a name, and `_total` after a counter's.

    emit("split", report, workers=4)
"""

import sys
from collections.abc import Mapping
from typing import Any

ROWS, FAILURES, BUSY, BYTES, WORKERS = (
    "cutroom_rows", "cutroom_failures", "cutroom_busy_seconds", "cutroom_source_bytes", "cutroom_workers",
)  # fmt: skip
COUNTERS = {
    ROWS: "rows that were computed, failed ones too",
    FAILURES: "rows that failed, by reason",
    BUSY: "seconds in which workers computed",
    BYTES: "bytes of the sources of computed rows",
}
GAUGES = {WORKERS: "workers of the stage that runs"}
_OTHER = "other"
_MOST_REASONS = 40  # each label value is a series of its own, which Prometheus keeps for good
_TAGS = {FAILURES: ("stage", "reason")}

_made: dict[str, Any] = {}
_reasons: set[str] = set()


def exported(name: str) -> str:
    """The name under which Prometheus finds a metric."""
    return f"ray_{name}_total" if name in COUNTERS else f"ray_{name}"


def emit(stage: str, report: Mapping[str, Any], workers: int) -> None:
    """Count one part's report (`pipeline.engine.worker.summarise`). Does nothing outside of Ray."""
    if "ray" not in sys.modules:
        return
    tags = {"stage": stage}
    # Ray refuses to count nothing.
    for name, value in ((ROWS, report["rows"]), (BUSY, report["busy_seconds"]), (BYTES, report["bytes"])):
        if value > 0:
            _counter(name).inc(value, tags)
    for reason, times in report["reasons"].items():
        _counter(FAILURES).inc(times, tags | {"reason": _bounded(reason)})
    _gauge(WORKERS).set(workers, tags)


def reason_of(error: str) -> str:
    """An error without its particulars: the words before the first number, name or parenthesis."""
    words: list[str] = []
    for word in error.split():
        if any(not (letter.isalpha() or letter in "-',:;.") for letter in word):
            break
        words.append(word)
        if word.endswith((":", ";", ".")):
            break
    return " ".join(words[:8]).rstrip(":;.,") or _OTHER


def _bounded(reason: str) -> str:
    if len(_reasons) < _MOST_REASONS:
        _reasons.add(reason)
    return reason if reason in _reasons else _OTHER


def _counter(name: str) -> Any:
    if name not in _made:
        from ray.util.metrics import Counter

        _made[name] = Counter(name, COUNTERS[name], _TAGS.get(name, ("stage",)))
    return _made[name]


def _gauge(name: str) -> Any:
    if name not in _made:
        from ray.util.metrics import Gauge

        _made[name] = Gauge(name, GAUGES[name], ("stage",))
    return _made[name]
