"""The worker of a stream: does one step for a group, and hands on a reference to what it committed.

It works out the step's rows from the tables before it, takes those that an earlier run made, computes the others part
by part (`pipeline.engine.worker`), and adds to the group's state where its rows are. A part that exists when its turn
comes was committed before this task was tried again; it is not computed twice.

    states = GroupWorker(step, specs, dataset_uri, limits)(states)
"""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import make_plan
from pipeline.dataset.stage_run import StageRun
from pipeline.engine.group_state import GroupState, StageState, decode, encode
from pipeline.engine.identities import identities_of, rows_of_parts
from pipeline.engine.steps import Step, Tables
from pipeline.engine.worker import PartWorker, WorkerLimits, summarise
from pipeline.stage import StageSpec, describe
from pipeline.storage.addresses import redact
from schemas.errors import CutroomError

_KEPT = 16


class GroupWorker:
    """One step of a stream: the callable of a Ray actor, and what `work_on_group` keeps in a task's process.

    `specs` are all stages whose tables a group's state may name.
    """

    def __init__(self, step: Step, specs: Mapping[str, StageSpec], dataset_uri: str, limits: WorkerLimits) -> None:
        self._step, self._specs = step, specs
        self._parts = PartWorker(step.spec, dataset_uri, limits)  # first: it brings the credentials of stores
        self._dataset = Dataset(dataset_uri)

    def __call__(self, tasks: pa.Table) -> pa.Table:
        """Advance each group of a table of states by this step."""
        return encode([self._advance(state) for state in decode(tasks)])

    def _advance(self, state: GroupState) -> GroupState:
        if state.fatal:
            return state
        try:
            self._run(state)
        except CutroomError as error:
            state.fatal = (type(error).__name__, redact(str(error)))
        except Exception as error:
            state.fatal = ("StageError", f"stage {self._step.spec.name} cannot run: {describe(error)}")
        return state

    def _run(self, state: GroupState) -> None:
        started = time.time()
        spec, known = self._step.spec, state.before.get(self._step.spec.name, StageState())
        runs = {name: StageRun.whole(self._specs[name], served, self._dataset) for name, served in state.served.items()}
        rows = self._step.rows(Tables(state.given, runs))
        plan = make_plan(identities_of(rows, spec), known.known, set(known.committed), spec.rows_per_part, known.failed)
        reports = []
        for part, chosen in zip(plan.pending, rows_of_parts(rows, spec.key, plan.pending), strict=True):
            report = self._compute(part.name, chosen, known.prior)
            if "fatal" in report:
                state.fatal = (report["kind"], report["fatal"])
                return
            reports.append(report)
        state.served[spec.name] = {part: sorted(keys) for part, keys in plan.served.items()}
        state.served[spec.name] |= {part.name: [key for key, _ in part.rows] for part in plan.pending}
        state.planned[spec.name] = list(plan.new)
        state.reports[spec.name] = {
            "rows": len(rows), "reused": plan.reused, "parts": reports, "started": started, "ended": time.time(),
        }  # fmt: skip

    def _compute(self, part: str, rows: Sequence[dict[str, Any]], prior: Mapping[str, int]) -> dict[str, Any]:
        spec = self._step.spec
        if self._dataset.store.exists(self._dataset.part_key(spec.outputs[0], spec.fingerprint, part)):
            statuses = self._dataset.read_parts(spec.outputs[0], spec.fingerprint, {part: None}, ["status"])["status"]
            failed = pc.sum(pc.equal(statuses, "failed")).as_py() or 0
            return {**summarise([]), "rows": len(rows), "failed": failed, "busy_seconds": 0.0, "cpu_seconds": 0.0}
        return self._parts.compute(part, rows, [prior.get(row[spec.key], 0) for row in rows])


_kept: OrderedDict[tuple[str, str], GroupWorker] = OrderedDict()


def work_on_group(
    tasks: pa.Table, run_id: str, step: Step, specs: Mapping[str, StageSpec], dataset_uri: str, limits: WorkerLimits
) -> pa.Table:
    """The function that Ray tasks run. A process keeps the steps that it has done in this run, with their models.

    A fingerprint would not tell two runs apart: it leaves out addresses, limits and whatever else changes no result.
    """
    key = (run_id, step.spec.name)
    if key not in _kept:
        _kept[key] = GroupWorker(step, specs, dataset_uri, limits)
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key](tasks)
