"""Streams groups through several stages as one Ray Data pipeline: no stage waits for the one before it to end.

What is complete is found in the driver, slice by slice, as for a single stage. Every other group becomes one row of a
Ray dataset and flows through an operator per stage, each with its own resources; Ray's back-pressure keeps fast stages
from running far ahead. A stage commits its part files before it hands the group on, so what a kill leaves is used by
the next run. Groups of some slices flow together, and then those of the next: what the driver holds does not grow with
the dataset. A stage that distributes its rows over the cluster by itself (`place="driver"`) takes all groups at once
instead: the stages before it end first.

    runs = Stream(engine, slices, given).run(steps, before={"ingest": videos})
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.dataset.plan import Part, Plan
from pipeline.dataset.stage_run import StageRun
from pipeline.engine.group_state import GroupState
from pipeline.engine.groups import ByVideo, Group, GroupedRows, Slice, SlicedRows, index_of, served_within
from pipeline.engine.identities import identities_of
from pipeline.engine.slice_inputs import digest_of_rows, digest_of_stage
from pipeline.engine.stage_progress import StageProgress
from pipeline.engine.steps import Ahead, Step, Tables

if TYPE_CHECKING:
    from pipeline.engine.engine import Engine

SLICES_AT_ONCE = 16
"""Slices whose groups flow together: enough that the last groups of one batch are a small share of it."""


@dataclass(frozen=True, slots=True)
class _Unfinished:
    """Groups of a slice for which some step has something to compute, and the rows that are given to them."""

    slice_name: str
    groups: Sequence[Group]
    given: Mapping[str, GroupedRows]


class Stream:
    """Runs steps for the groups of `slices`, with the settings, records and progress of an engine.

    `given` are tables by name. `ahead` follows the last step, unless that one runs in the driver.
    """

    def __init__(
        self,
        engine: "Engine",
        slices: Sequence[Slice],
        given: Mapping[str, SlicedRows],
        ahead: Ahead | None = None,
    ) -> None:
        self._engine, self._slices, self._given, self._ahead = engine, slices, given, ahead
        self.inputs: dict[str, dict[str, str]] = {}
        """For each stage a digest of the input of each slice, without what the stages before it made."""

    def run(self, steps: Sequence[Step], before: Mapping[str, StageRun]) -> dict[str, StageRun]:
        """Bring all steps up to date for all groups; returns the stages' runs by name, with those `before`.

        Raises `StageError` or `DatasetError`.
        """
        digests = {
            each.name: digest_of_rows(*(rows.of(each.name) for _, rows in sorted(self._given.items())))
            for each in self._slices
        }
        self.inputs = {step.spec.name: digests for step in steps}
        runs = dict(before)
        segments = list(_segments(steps))
        for segment in segments:
            ahead = self._ahead if segment is segments[-1] and segment[0].spec.place == "workers" else None
            runs |= self._run_segment(segment, runs, ahead)
        return runs

    def _run_segment(
        self, steps: Sequence[Step], before: Mapping[str, StageRun], ahead: Ahead | None
    ) -> dict[str, StageRun]:
        """Serve what is there, compute the rest as pipelines or in the driver, and return the steps' runs."""
        started = time.monotonic()
        progress = {step.spec.name: self._engine.begin(step.spec) for step in steps}
        every, flowing = progress, steps
        if ahead:
            every = progress | {ahead.step.spec.name: self._engine.begin(ahead.step.spec)}
            flowing = [*steps, ahead.step]
        in_driver = steps[0].spec.place == "driver"
        waiting: list[_Unfinished] = []
        with _flushed(every):
            for each in self._slices:
                if self._serve_marked(each, steps, before, progress):
                    continue
                unfinished = self._serve_complete(each, steps, before, progress)
                if unfinished.groups:
                    waiting.append(unfinished)
                elif not waiting:
                    _close(progress)
                if len(waiting) == SLICES_AT_ONCE and not in_driver:
                    self._run_pipeline(flowing, before, every, waiting)
                    waiting = []
            if waiting and in_driver:
                self._run_in_driver(steps[0], before, progress[steps[0].spec.name], waiting)
            elif waiting:
                self._run_pipeline(flowing, before, every, waiting)
        if ahead:
            self._engine.set_aside(ahead.step.spec)
        return {name: self._engine.finish(done.run, started, done) for name, done in progress.items()}

    def _serve_marked(
        self,
        each: Slice,
        steps: Sequence[Step],
        before: Mapping[str, StageRun],
        progress: Mapping[str, StageProgress],
    ) -> bool:
        """Take a slice as it is, if all steps are marked complete for today's input; returns whether they are."""
        earlier = dict(before)
        for step in steps:
            inputs = digest_of_stage(self.inputs[step.spec.name][each.name], each.name, earlier)
            served = progress[step.spec.name].complete(each.name, inputs)
            if served is None:
                return False
            earlier[step.spec.name] = StageRun(step.spec, {each.name: served}, self._engine.dataset)
        for step in steps:
            own = progress[step.spec.name]
            own.serve_marked(each.name)
            self._engine.count_reused(step.spec, own.marked[each.name].rows)
        return True

    def _serve_complete(
        self,
        each: Slice,
        steps: Sequence[Step],
        before: Mapping[str, StageRun],
        progress: Mapping[str, StageProgress],
    ) -> _Unfinished:
        """Find what is complete of a slice, step by step; returns the groups for which a step has work to do."""
        tables = {**self._given, **(self._ahead.given if self._ahead else {})}
        given = {name: rows.grouped(each.name) for name, rows in tables.items()}
        complete = each.groups()
        unfinished: list[Group] = []
        reused: dict[str, dict[str, int]] = {}
        for step in steps:
            own = progress[step.spec.name].opened(each.name)
            plans = self._plans(step, _Unfinished(each.name, complete, given), before, progress)
            unfinished += [group for group, plan in plans if plan.pending]
            complete = [group for group, plan in plans if not plan.pending]
            reused[step.spec.name] = {group.name: plan.reused for group, plan in plans}
            for _, plan in plans:
                if not plan.pending:
                    own.serve(plan.served)
                    own.record(plan.new)
        for step in steps:  # the rows of the other groups are counted where they are computed
            self._engine.count_reused(step.spec, sum(reused[step.spec.name][group.name] for group in complete))
        return _Unfinished(each.name, unfinished, given)

    def _plans(
        self,
        step: Step,
        these: _Unfinished,
        before: Mapping[str, StageRun],
        progress: Mapping[str, StageProgress],
    ) -> list[tuple[Group, Plan]]:
        if not these.groups:
            return []
        rows = step.rows(_tables([these], before, progress))
        identities = ByVideo((key, (key, identity)) for key, identity in identities_of(rows, step.spec))
        own = progress[step.spec.name].opened(these.slice_name)
        return [(group, own.plan(group, [row for _, row in identities.within(group)])) for group in these.groups]

    def _run_pipeline(
        self,
        steps: Sequence[Step],
        before: Mapping[str, StageRun],
        progress: Mapping[str, StageProgress],
        waiting: Sequence[_Unfinished],
    ) -> None:
        slice_of = {group.name: these.slice_name for these in waiting for group in these.groups}
        states = (state for these in waiting for state in self._states(these, before, progress))
        specs = {name: run.spec for name, run in before.items()} | {step.spec.name: step.spec for step in steps}
        for state in self._engine.compute_streaming(steps, specs, states, len(slice_of)):
            for step in steps:
                own = progress[step.spec.name].opened(slice_of[state.group])
                own.serve(state.served[step.spec.name])
                own.record(state.planned[step.spec.name])
        _close(progress)

    def _states(
        self, these: _Unfinished, before: Mapping[str, StageRun], progress: Mapping[str, StageProgress]
    ) -> Iterator[GroupState]:
        indexes = {name: index_of(run.keys(these.slice_name)) for name, run in before.items()}
        for group in these.groups:
            yield GroupState(
                group=group.name,
                given={name: rows.of(group) for name, rows in these.given.items()},
                served={name: served_within(index, group) for name, index in indexes.items()},
                before={name: done.opened(these.slice_name).state(group) for name, done in progress.items()},
            )

    def _run_in_driver(
        self, step: Step, before: Mapping[str, StageRun], progress: StageProgress, waiting: Sequence[_Unfinished]
    ) -> None:
        name = step.spec.name
        pending: list[Part] = []
        for these in waiting:
            own = progress.opened(these.slice_name)
            plans = [plan for _, plan in self._plans(step, these, before, {name: progress})]
            own.record(part for plan in plans for part in plan.new)
            own.flush()
            for plan in plans:
                own.serve(plan.served)
                own.serve({part.name: [key for key, _ in part.rows] for part in plan.pending})
                self._engine.count_reused(step.spec, plan.reused)
                pending += plan.pending
        rows = step.rows(_tables(waiting, before, {}))
        self._engine.compute_in_driver(step.spec, pending, rows, progress.prior)


def _tables(
    these: Sequence[_Unfinished], before: Mapping[str, StageRun], progress: Mapping[str, StageProgress]
) -> Tables:
    """What is given to these groups, and what the stages have of their slices."""
    names = [each.slice_name for each in these]
    given = {
        name: pa.concat_tables([each.given[name].of_all(each.groups) for each in these]) for name in these[0].given
    }
    runs = {name: run.of(names) for name, run in before.items()}
    return Tables(given, runs | {name: own.of(names) for name, own in progress.items()})


def _segments(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Neighbours that run in workers together, and each stage that runs in the driver by itself."""
    for place, neighbours in groupby(steps, key=lambda step: step.spec.place):
        together = list(neighbours)
        yield from [together] if place == "workers" else [[step] for step in together]


def _close(progress: Mapping[str, StageProgress]) -> None:
    for done in progress.values():
        done.close()


@contextmanager
def _flushed(progress: Mapping[str, StageProgress]) -> Iterator[None]:
    """Plans are written down also if the run ends here, so that the next one knows what was committed."""
    try:
        yield
    finally:
        _close(progress)
