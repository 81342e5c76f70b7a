"""Runs stages on Ray Data: finds pending rows, groups them into parts, maps workers over these, and keeps the record.

The only caller of `map_batches`. Ray starts at the first pending part, so a run with nothing to do never starts it.
Stages that pass their rows to a batch engine run in the driver instead (`waves.py`), with the same record.
One row of the Ray dataset is one part: `map_batches` gets an explicit batch size of 1, compute and resources, and the
workers commit part files themselves, so that a result is on disk before it is reported.

    run = Engine(dataset, config.engine, cluster).run(spec, rows)
"""

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.complete import Complete, CompleteSlices
from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.dataset.plan import Part
from pipeline.dataset.slices import WHOLE, places_by_slice
from pipeline.dataset.stage_run import StageRun
from pipeline.engine.cluster import Cluster
from pipeline.engine.counts import counts_by_slice
from pipeline.engine.group_state import ADDRESS, GroupState
from pipeline.engine.groups import Slice, SlicedRows
from pipeline.engine.identities import identities_of
from pipeline.engine.ipc import write_rows
from pipeline.engine.metrics import emit
from pipeline.engine.pipeline import Setting, run_states, workers_of
from pipeline.engine.progress import Progress
from pipeline.engine.slice_inputs import digest_of_stage
from pipeline.engine.stage_progress import StageProgress
from pipeline.engine.stage_record import StageRecord
from pipeline.engine.steps import Ahead, Step
from pipeline.engine.stream import Stream
from pipeline.engine.waves import WaveWorker
from pipeline.engine.worker import PRIOR_ATTEMPTS, PartWorker, WorkerLimits, marks_of, work
from pipeline.media.limits import DEFAULT
from pipeline.stage import StageSpec
from pipeline.storage.addresses import address_of, redact
from schemas import errors
from schemas.config import EngineConfig
from schemas.contract import TableContract
from schemas.limits import Limits

_TASK_SCHEMA = pa.schema([("part", pa.string()), ("rows", pa.large_binary())])


class Engine:
    """Runs row stages of one dataset, one after the other, and collects their records."""

    def __init__(
        self,
        dataset: Dataset,
        config: EngineConfig,
        cluster: Cluster,
        retry: bool = False,
        limits: Limits = DEFAULT,
    ) -> None:
        self.dataset = dataset
        self._run_id = uuid.uuid4().hex
        self.records: dict[str, StageRecord] = {}
        # The tables in part files that this run has brought up to date, by folder, with their fingerprint.
        self.tables: dict[str, str] = {}
        # What the streams of this run were given: the stages before, and digests of the rows by stage and slice.
        self._streams: list[tuple[list[str], dict[str, dict[str, str]]]] = []
        # The records of stages that worked ahead.
        self._ahead: dict[str, StageRecord] = {}
        # Rows and failures of each stage by slice.
        self._counts: dict[str, dict[str, tuple[int, int]]] = {}
        self._config = config
        self._cluster = cluster
        self._retry = retry
        self._limits = limits
        self._progress = Progress()

    def run(self, spec: StageSpec, rows: pa.Table, slices: pa.Array | None = None) -> StageRun:
        """Bring a stage up to date with its input `rows`, whose slices are `slices` if its tables are divided.

        Raises `StageError` or `DatasetError`.
        """
        started = time.monotonic()
        progress, record = self.begin(spec), self.records[spec.name]
        record.rows = len(rows)
        places = {WHOLE: None} if slices is None else places_by_slice(slices)
        pending: list[Part] = []
        for name, where in places.items():
            opened = progress.opened(name)
            plan = opened.plan_all(identities_of(rows if where is None else rows.take(pa.array(where)), spec))
            opened.record(plan.new)
            opened.serve(plan.served)
            opened.serve({part.name: [key for key, _ in part.rows] for part in plan.pending})
            record.reused += plan.reused
            pending += plan.pending
        progress.close()
        if pending:
            self._compute(spec, pending, rows, progress.prior, record)
        return self.finish(progress.run, started, progress)

    def stream(
        self,
        steps: Sequence[Step],
        slices: Sequence[Slice],
        given: Mapping[str, SlicedRows],
        before: Mapping[str, StageRun],
        ahead: Ahead | None = None,
    ) -> dict[str, StageRun]:
        """Bring several stages up to date, which work at the same time on different groups (`pipeline.engine.stream`).

        Returns the stages' runs by name, with those `before`. Raises `StageError` or `DatasetError`.
        """
        stream = Stream(self, slices, given, ahead)
        runs = stream.run(steps, before)
        self._streams.append((list(before), stream.inputs))
        return runs

    def begin(self, spec: StageSpec) -> StageProgress:
        """Begin a stage: its record, and what the dataset has of it."""
        self.records[spec.name] = StageRecord(fingerprint=spec.fingerprint)
        self.dataset.remove_orphans(spec.outputs, spec.fingerprint)
        committed = self.dataset.committed(spec.outputs[0], spec.fingerprint)
        prior: dict[str, int] = {}
        failed = self._failed(spec, committed, prior) if self._retry else {}
        return StageProgress(self.dataset, spec, committed, failed, prior)

    def set_aside(self, spec: StageSpec) -> None:
        """Keep the record of a stage that worked ahead until it is run itself, which counts that work."""
        self._ahead[spec.name] = self.records.pop(spec.name)

    def mark_complete(self, runs: Mapping[str, StageRun]) -> None:
        """Mark what the streams of this run have completed, so that the next one need not look into it.

        `runs` are the stages with the files that serve them at the end of the run.
        """
        for before, inputs in self._streams:
            names = [*before, *inputs]
            for stage, given in inputs.items():
                earlier = {name: runs[name] for name in names[: names.index(stage)]}
                marks = {
                    each: Complete(
                        inputs=digest_of_stage(of_rows, each, earlier),
                        served=runs[stage].slices.get(each, {}),
                        rows=self._counts[stage].get(each, (0, 0))[0],
                        failed=self._counts[stage].get(each, (0, 0))[1],
                    )
                    for each, of_rows in given.items()
                }
                CompleteSlices(runs[stage].spec, marks).write(self.dataset)

    def keep(self, stages: Mapping[str, Mapping[str, Any]]) -> None:
        """Take the rows of all stages as the last run's record has them: nothing has changed since."""
        self.note("nothing has changed since the last run: not in the bucket, the settings or the dataset")
        for name, last in stages.items():
            record = StageRecord(fingerprint=last["fingerprint"], rows=last["rows"], reused=last["rows"])
            record.failed = last["failed"]
            self.records[name] = record
            if record.fingerprint:
                self._progress.stage(name, record.rows, 0, record.failed, 0.0)

    def note(self, text: str) -> None:
        """Print a line beside the progress of the stages."""
        self._progress.note(text)

    def count_reused(self, spec: StageSpec, rows: int) -> None:
        """Count rows of a stream's stage that need no work."""
        self.records[spec.name].rows += rows
        self.records[spec.name].reused += rows

    def compute_streaming(
        self, steps: Sequence[Step], specs: Mapping[str, StageSpec], states: Iterable[GroupState], groups: int
    ) -> Iterator[GroupState]:
        """Send the states of so many groups through all steps; yields each when all steps have committed its rows."""
        self._make_ready([step.spec for step in steps])
        setting = Setting(
            run_id=self._run_id,
            dataset_uri=self.dataset.store.address,
            limits=self._worker_limits,
            cores=self._cluster.cores,
            gpus=self._cluster.gpus,
            worker_cpus={step.spec.name: self._cluster.cpus_of_worker(step.spec) for step in steps},
            workers=self._config.workers,
        )
        for step in steps:
            self.records[step.spec.name].workers = min(workers_of(step.spec, setting), groups)
        in_a_row = dict.fromkeys((step.spec.name for step in steps), 0)
        times: dict[str, list[tuple[float, float]]] = {step.spec.name: [] for step in steps}
        name = steps[0].spec.name if len(steps) == 1 else f"{steps[0].spec.name} to {steps[-1].spec.name}"
        with self._progress.bar(name, groups, "groups") as advance:
            for state in run_states(steps, specs, states, setting):
                if state.fatal:
                    raise getattr(errors, state.fatal[0], errors.StageError)(state.fatal[1])
                failed = 0
                for step in steps:
                    done, record = state.reports[step.spec.name], self.records[step.spec.name]
                    record.rows += done["rows"]
                    record.reused += done["reused"]
                    record.parts += len(done["parts"])
                    for report in done["parts"]:
                        record.add(report)
                        emit(step.spec.name, report, record.workers)
                        failed += report["failed"]
                        in_a_row[step.spec.name] = self._check_failures(step.spec, in_a_row[step.spec.name], report)
                    times[step.spec.name].append((done["started"], done["ended"]))
                advance(1, failed)
                yield state
        for stage, worked in times.items():  # the stages of a stream work at the same time: each from its first row on
            self.records[stage].seconds += max(end for _, end in worked) - min(start for start, _ in worked)

    def compute_in_driver(
        self, spec: StageSpec, parts: Sequence[Part], rows: pa.Table, prior: Mapping[str, int]
    ) -> None:
        """Compute parts of a stage that distributes its rows by itself."""
        record = self.records[spec.name]
        record.rows += sum(len(part.rows) for part in parts)
        self._compute(spec, parts, rows, prior, record)

    def finish(self, run: StageRun, started: float, progress: StageProgress) -> StageRun:
        """End a stage whose rows are all there: count failures and print its line. `started` is `time.monotonic()`."""
        spec, record = run.spec, self.records[run.spec.name]
        record.seconds = record.seconds or time.monotonic() - started
        if any(run.slices.values()):
            self.tables.update({output.folder: spec.fingerprint for output in spec.outputs})
        counts = counts_by_slice(progress.unmarked)
        counts |= {name: (mark.rows, mark.failed) for name, mark in progress.marked.items()}
        self._counts[spec.name] = counts
        record.failed = sum(failed for _, failed in counts.values())
        if ahead := self._ahead.pop(spec.name, None):
            record.add_ahead(ahead)
        self._progress.stage(spec.name, record.rows, record.computed, record.failed, record.seconds)
        return run

    def table(self, name: str, contract: TableContract, key: str, tables: pa.Table | Iterable[pa.Table]) -> None:
        """Commit the result of a table stage, whole or as a stream: made anew in every run, as tables cost little.

        The record counts as computed the rows that are new or differ from the previous ones.
        """
        started = time.monotonic()
        record = self.records[name] = StageRecord(fingerprint="")
        written = self.dataset.write_table(key, contract, tables)
        record.rows, record.computed = written.rows, written.differing
        record.reused = written.rows - written.differing
        record.seconds = time.monotonic() - started

    def _failed(self, spec: StageSpec, committed: set[str], prior: dict[str, int]) -> dict[str, list[str]]:
        everything = dict.fromkeys(committed)
        columns = [spec.key, "status", "attempts"]
        table = self.dataset.read_parts(spec.outputs[0], spec.fingerprint, everything, columns)
        failed: dict[str, list[str]] = {}
        for row in table.filter(pc.equal(table["status"], "failed")).to_pylist():
            part = row[PART_COLUMN].rsplit("/", 1)[1].removesuffix(".parquet")
            failed.setdefault(part, []).append(row[spec.key])
            prior[row[spec.key]] = max(prior.get(row[spec.key], 0), row["attempts"])
        return failed

    def _make_ready(self, specs: Sequence[StageSpec]) -> None:
        for spec in specs:
            for file in self.dataset.store.list(marks_of(spec)):  # marks of a killed run do not concern this one
                self.dataset.store.remove(file.key)
        with self._progress.waiting("starting Ray"):
            self._cluster.start()

    def _compute(
        self,
        spec: StageSpec,
        parts: Sequence[Part],
        rows: pa.Table,
        prior: Mapping[str, int],
        record: StageRecord,
    ) -> None:
        self._make_ready([spec])
        tasks = _tasks(spec, parts, rows, prior)
        record.parts = len(tasks)
        record.workers = self._workers(spec, len(tasks))
        in_a_row = 0
        with self._progress.bar(spec.name, sum(len(part.rows) for part in parts)) as advance:
            for report in self._reports(spec, tasks, record.workers):
                record.add(report)
                emit(spec.name, report, record.workers)
                advance(report["rows"], report["failed"])
                in_a_row = self._check_failures(spec, in_a_row, report)

    def _check_failures(self, spec: StageSpec, before: int, report: Mapping[str, Any]) -> int:
        """The unexpected failures in a row up to now. Raises `StageError` if they are too many."""
        longest, in_a_row = consecutive_failures(before, report["failure_runs"])
        if longest >= self._config.max_failures_in_a_row:
            raise errors.StageError(
                f"stage {spec.name} stopped: {longest} rows failed in a row "
                f"(engine.max_failures_in_a_row = {self._config.max_failures_in_a_row}); "
                f"the last error: {report['last_error']}"
            )
        return in_a_row

    def _reports(self, spec: StageSpec, tasks: list[pa.Table], workers: int) -> Iterator[dict[str, Any]]:
        if spec.place == "driver":
            yield from WaveWorker(spec, self.dataset).reports(tasks)
            return
        for report in self._reports_of_workers(spec, tasks, workers):
            if "fatal" in report:
                raise getattr(errors, report["kind"], errors.StageError)(report["fatal"])
            yield report

    def _reports_of_workers(self, spec: StageSpec, tasks: list[pa.Table], workers: int) -> Iterator[dict[str, Any]]:
        import ray.data
        import ray.exceptions

        arguments: dict[str, Any] = {
            "spec": spec, "dataset_uri": self.dataset.store.address, "limits": self._worker_limits,
        }  # fmt: skip
        tasks_table = ray.data.from_arrow(tasks)
        if min(spec.gpus, self._cluster.gpus):  # a model on a GPU is loaded once and kept: actors
            results = tasks_table.map_batches(
                PartWorker,
                fn_constructor_kwargs=arguments,
                batch_size=1,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(size=workers),
                num_cpus=self._cluster.cpus_of_worker(spec),
                num_gpus=spec.gpus,
            )
        else:  # tasks reuse warm processes from stage to stage; starting actors takes seconds each
            results = tasks_table.map_batches(
                cast(Any, work),
                fn_kwargs={"run_id": self._run_id, **arguments},
                batch_size=1,
                batch_format="pyarrow",
                compute=ray.data.TaskPoolStrategy(size=workers),
                num_cpus=self._cluster.cpus_of_worker(spec),
            )
        try:
            for batch in results.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                for text in cast(pa.Table, batch)["report"].to_pylist():
                    yield json.loads(text)
        except ray.exceptions.RayError as error:
            first = redact(" ".join(str(error).split()))[:300]
            raise errors.StageError(f"stage {spec.name}: Ray gave up: {first}") from error

    @property
    def _worker_limits(self) -> WorkerLimits:
        return WorkerLimits(
            max_attempts=self._config.max_attempts,
            max_worker_deaths=self._config.max_worker_deaths,
            objects=self._limits,
            vault=self._cluster.vault,
        )

    def _workers(self, spec: StageSpec, parts: int) -> int:
        if spec.place == "driver":
            return 1
        possible = max(1, self._cluster.cores // spec.cpus)
        return max(1, min(spec.workers or self._config.workers or possible, parts, possible))


def consecutive_failures(before: int, runs: Sequence[int]) -> tuple[int, int]:
    """(longest, current): the longest run of failures including `before`, and the run that is still open.

    `before` is the run that was open before the part, `runs` the lengths of the part's own runs.
    """
    joined = [before + runs[0], *runs[1:]]
    return max(joined), joined[-1]


def _tasks(spec: StageSpec, parts: Sequence[Part], rows: pa.Table, prior: Mapping[str, int]) -> list[pa.Table]:
    if prior:
        counts = [prior.get(key, 0) for key in rows[spec.key].to_pylist()]
        rows = rows.append_column(PRIOR_ATTEMPTS, pa.array(counts, pa.int32()))
    if "uri" in rows.column_names:
        # Passwords and signatures travel beside the rows, and only for the duration of the task.
        uris = rows["uri"].to_pylist()
        addresses = [address if (address := address_of(uri)) != uri else None for uri in uris]
        if any(addresses):
            rows = rows.append_column(ADDRESS, pa.array(addresses, pa.string()))
    wanted = pa.array([key for part in parts for key, _ in part.rows], pa.string())
    places = pc.index_in(wanted, value_set=rows[spec.key].combine_chunks())
    tasks, first = [], 0
    for part in parts:
        chosen = rows.take(places.slice(first, len(part.rows)))
        first += len(part.rows)
        task = {"part": part.name, "rows": write_rows(chosen)}
        tasks.append(pa.Table.from_pylist([task], schema=_TASK_SCHEMA))
    return tasks
