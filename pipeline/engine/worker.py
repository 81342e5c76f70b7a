"""The worker process: builds the stage once, processes a part, commits its files, returns a report as one row.

Secondary tables are written before the primary one, whose file is the commit: a worker that dies in between leaves
orphans, never a partial result. If a worker dies on a part (a crash in a decoder, out of memory), its mark is found
when the part is retried; the part's rows are then processed one by one, and the row that keeps killing is recorded.

    report = work(tasks, run_id, spec, dataset_uri, limits)
"""

import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.engine.commit import commit
from pipeline.engine.environment import receive
from pipeline.engine.group_state import ADDRESS
from pipeline.engine.ipc import read_rows
from pipeline.engine.marks import Deaths, Mark
from pipeline.engine.metrics import reason_of
from pipeline.engine.node_alive import node_lives, this_node
from pipeline.engine.watch import watched_memory
from pipeline.media.limits import DEFAULT, set_limits
from pipeline.stage import Outcome, Result, Row, Stage, StageSpec, describe, run_rows
from pipeline.storage.addresses import grant, redact
from schemas.errors import CutroomError
from schemas.limits import Limits

PRIOR_ATTEMPTS = "prior_attempts"
REPORT_SCHEMA = pa.schema([("part", pa.string()), ("report", pa.string())])


def marks_of(spec: StageSpec) -> str:
    """The folder of a stage's marks (`pipeline.engine.marks`), outside all tables."""
    return f".tries/{spec.outputs[0].folder}/{spec.fingerprint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """How often a row is tried, how often a process may die on it, and the limits on one object."""

    max_attempts: int
    max_worker_deaths: int
    objects: Limits = DEFAULT
    vault: Any = None
    """Where the values of `engine.environment` are asked for (`pipeline.engine.environment`)."""


class PartWorker:
    """Processes tasks (one row = one part): the callable of a Ray actor, and what `work` caches in a task's process."""

    def __init__(self, spec: StageSpec, dataset_uri: str, limits: WorkerLimits) -> None:
        receive(limits.vault)
        self._spec = spec
        self._dataset = Dataset(dataset_uri)
        self._limits = limits
        self._stage: Stage | None = None

    def __call__(self, tasks: pa.Table) -> pa.Table:
        """Process each task's part; returns one report per part, as JSON."""
        reports = [
            {"part": task["part"], "report": json.dumps(self._report(task["part"], task["rows"]))}
            for task in tasks.to_pylist()
        ]
        return pa.Table.from_pylist(reports, schema=REPORT_SCHEMA)

    def _report(self, part: str, payload: bytes) -> dict[str, Any]:
        rows, prior = decode_rows(payload)
        return self.compute(part, rows, prior)

    def compute(self, part: str, rows: Sequence[Row], prior: Sequence[int]) -> dict[str, Any]:
        """Process and commit one part; returns its report. `prior` holds the attempts of earlier runs, one per row."""
        started, cpu_started = time.monotonic(), time.process_time()
        try:
            set_limits(self._limits.objects)
            if self._stage is None:
                _limit_threads(self._spec.cpus)
                self._stage = self._spec.build(**self._spec.arguments)
            outcomes = self._run_marked(self._stage, part, rows)
            outcomes = commit(self._dataset, self._spec, part, rows, prior, outcomes)
            read = sum(row.get("bytes") or 0 for row in rows)
        except CutroomError as error:
            return {"fatal": redact(str(error)), "kind": type(error).__name__}
        except Exception as error:
            return {"fatal": f"stage {self._spec.name} cannot run: {describe(error)}", "kind": "StageError"}
        return summarise(outcomes) | {
            "bytes": read,
            "busy_seconds": time.monotonic() - started,
            "cpu_seconds": time.process_time() - cpu_started,
            "worker": os.getpid(),
        }

    def _run_marked(self, stage: Stage, part: str, rows: Sequence[Row]) -> list[Outcome]:
        mark = Mark(self._dataset.store, f"{marks_of(self._spec)}/{part}", this_node())
        with watched_memory(self._limits.objects.worker_gigabytes * 1e9, mark.explain):
            deaths = mark.left(node_lives)
            if deaths is None:
                mark.set(Deaths(), None)
                outcomes = run_rows(stage, rows, self._spec.key, self._limits.max_attempts)
            else:
                outcomes = self._rerun_after_death(stage, rows, deaths, mark)
        mark.clear()
        return outcomes

    def _rerun_after_death(self, stage: Stage, rows: Sequence[Row], deaths: Deaths, mark: Mark) -> list[Outcome]:
        """Process row by row, each under its own mark, so that the row that kills the process is identified."""
        key = self._spec.key
        outcomes: list[Outcome] = []
        for row in rows:
            times = deaths.times.get(row[key], 0)
            if times >= self._limits.max_worker_deaths:
                outcomes.append(Outcome(Result(key=row[key], error=deaths.text(row[key])), times, False))
                continue
            mark.set(deaths, row[key])
            outcomes += run_rows(stage, [row], key, self._limits.max_attempts)
        return outcomes


def decode_rows(payload: bytes) -> tuple[list[Row], list[int]]:
    """A part's input rows, and the attempts of earlier runs per row; also grants access to the rows' sources."""
    rows: list[Row] = read_rows(payload).to_pylist()
    for row in rows:
        if address := row.pop(ADDRESS, None):
            grant(row["uri"], address)
    return rows, [row.pop(PRIOR_ATTEMPTS, 0) or 0 for row in rows]


def summarise(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """A part's outcomes for the report: counts, runs of failures, counters."""
    failures = [outcome for outcome in outcomes if outcome.result.error is not None]
    unexpected = [outcome.result.error for outcome in failures if not outcome.expected]
    counters: dict[str, int] = {}
    runs = [0]  # lengths of runs of unexpected failures: the first may continue that of the previous part
    for outcome in outcomes:
        for name, count in outcome.result.counters.items():
            counters[name] = counters.get(name, 0) + count
        if outcome.result.error is None or outcome.expected:
            runs.append(0)
        else:
            runs[-1] += 1
    return {
        "rows": len(outcomes),
        "failed": len(failures),
        "bytes": 0,
        "reasons": dict(Counter(reason_of(str(outcome.result.error)) for outcome in failures)),
        "failure_runs": runs,
        "last_error": unexpected[-1] if unexpected else None,
        "counters": counters,
    }


_kept: dict[tuple[str, str], PartWorker] = {}


def work(tasks: pa.Table, run_id: str, spec: StageSpec, dataset_uri: str, limits: WorkerLimits) -> pa.Table:
    """The function that Ray tasks run. The process keeps its worker, with the built stage, until the next stage or run.

    Ray reuses task processes for the next stage, so libraries are imported once per process. A fingerprint would not
    tell two runs apart: it leaves out addresses, limits and whatever else changes no result.
    """
    key = (run_id, spec.name)
    if key not in _kept:
        _kept.clear()
        _kept[key] = PartWorker(spec, dataset_uri, limits)
    return _kept[key](tasks)


def _limit_threads(count: int) -> None:
    """Limit OpenCV to `count` threads, so that workers do not compete for cores; models limit torch and ONNX."""
    import cv2

    cv2.setNumThreads(count)
