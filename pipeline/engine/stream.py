"""Streams groups through several stages as one Ray Data pipeline: no stage waits for the one before it to end.

What is complete is found in the driver, as for a single stage. Every other group becomes one row of a Ray dataset and
flows through an operator per stage, each with its own resources; Ray's back-pressure keeps fast stages from running
far ahead. A stage commits its part files before it hands the group on, so what a kill leaves is used by the next run.
A stage that distributes its rows over the cluster by itself (`place="driver"`) takes all groups at once instead: the
stages before it end first.

    runs = Stream(engine, groups, given).run(steps, before={"ingest": videos})
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING

from pipeline.dataset.plan import Plan
from pipeline.dataset.stage_run import StageRun
from pipeline.engine.group_state import GroupState
from pipeline.engine.groups import ByVideo, Group, GroupedRows, index_of, served_within
from pipeline.engine.identities import identities_of
from pipeline.engine.stage_progress import StageProgress
from pipeline.engine.steps import Step, Tables

if TYPE_CHECKING:
    from pipeline.engine.engine import Engine


class Stream:
    """Runs steps for `groups`, with the settings, records and progress of an engine; `given` are tables by name."""

    def __init__(self, engine: "Engine", groups: Sequence[Group], given: Mapping[str, GroupedRows]) -> None:
        self._engine, self._groups, self._given = engine, groups, given

    def run(self, steps: Sequence[Step], before: Mapping[str, StageRun]) -> dict[str, StageRun]:
        """Bring all steps up to date for all groups; returns the stages' runs by name, with those `before`.

        Raises `StageError` or `DatasetError`.
        """
        runs = dict(before)
        for segment in _segments(steps):
            runs |= self._run_segment(segment, runs)
        return runs

    def _run_segment(self, steps: Sequence[Step], before: Mapping[str, StageRun]) -> dict[str, StageRun]:
        """Serve what is there, compute the rest as one pipeline or in the driver, and return the steps' runs."""
        started = time.monotonic()
        progress = {step.spec.name: self._engine.begin(step.spec) for step in steps}
        with _flushed(progress):
            unfinished = self._serve_complete(steps, before, progress)
            if unfinished and steps[0].spec.place == "driver":
                self._run_in_driver(steps[0], before, progress[steps[0].spec.name], unfinished)
            elif unfinished:
                self._run_pipeline(steps, before, progress, unfinished)
        return {name: self._engine.finish(done.run, started) for name, done in progress.items()}

    def _serve_complete(
        self, steps: Sequence[Step], before: Mapping[str, StageRun], progress: Mapping[str, StageProgress]
    ) -> list[Group]:
        """Find what is complete, step by step; returns the groups for which a step has something to compute."""
        complete = list(self._groups)
        unfinished: list[Group] = []
        reused: dict[str, dict[str, int]] = {}
        for step in steps:
            plans = self._plans(step, before, progress, complete)
            unfinished += [group for group, plan in plans if plan.pending]
            complete = [group for group, plan in plans if not plan.pending]
            reused[step.spec.name] = {group.name: plan.reused for group, plan in plans}
            for _, plan in plans:
                if not plan.pending:
                    progress[step.spec.name].serve(plan.served)
                    progress[step.spec.name].record(plan.new)
        for step in steps:  # the rows of the other groups are counted where they are computed
            self._engine.count_reused(step.spec, sum(reused[step.spec.name][group.name] for group in complete))
        return unfinished

    def _plans(
        self,
        step: Step,
        before: Mapping[str, StageRun],
        progress: Mapping[str, StageProgress],
        groups: Sequence[Group],
    ) -> list[tuple[Group, Plan]]:
        if not groups:
            return []
        rows = step.rows(self._tables(before, progress, groups))
        identities = ByVideo((key, (key, identity)) for key, identity in identities_of(rows, step.spec))
        own = progress[step.spec.name]
        return [(group, own.plan(group, [row for _, row in identities.within(group)])) for group in groups]

    def _tables(
        self, before: Mapping[str, StageRun], progress: Mapping[str, StageProgress], groups: Sequence[Group]
    ) -> Tables:
        runs = {**before, **{name: done.run for name, done in progress.items()}}
        return Tables({name: rows.of_all(groups) for name, rows in self._given.items()}, runs)

    def _run_pipeline(
        self,
        steps: Sequence[Step],
        before: Mapping[str, StageRun],
        progress: Mapping[str, StageProgress],
        groups: Sequence[Group],
    ) -> None:
        indexes = {name: index_of(run.served) for name, run in before.items()}
        states = (
            GroupState(
                group=group.name,
                given={name: rows.of(group) for name, rows in self._given.items()},
                served={name: served_within(index, group) for name, index in indexes.items()},
                before={name: done.state(group) for name, done in progress.items()},
            )
            for group in groups
        )
        specs = {name: run.spec for name, run in before.items()} | {step.spec.name: step.spec for step in steps}
        for state in self._engine.compute_streaming(steps, specs, states, len(groups)):
            for step in steps:
                progress[step.spec.name].serve(state.served[step.spec.name])
                progress[step.spec.name].record(state.planned[step.spec.name])

    def _run_in_driver(
        self, step: Step, before: Mapping[str, StageRun], progress: StageProgress, groups: Sequence[Group]
    ) -> None:
        name = step.spec.name
        plans = [plan for _, plan in self._plans(step, before, {name: progress}, groups)]
        pending = tuple(part for plan in plans for part in plan.pending)
        progress.record(part for plan in plans for part in plan.new)
        progress.flush()
        for plan in plans:
            progress.serve(plan.served)
            self._engine.count_reused(step.spec, plan.reused)
        rows = step.rows(self._tables(before, {name: progress}, groups))
        self._engine.compute_in_driver(step.spec, pending, rows, progress.prior)
        progress.serve({part.name: [key for key, _ in part.rows] for part in pending})


def _segments(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Neighbours that run in workers together, and each stage that runs in the driver by itself."""
    for place, neighbours in groupby(steps, key=lambda step: step.spec.place):
        together = list(neighbours)
        yield from [together] if place == "workers" else [[step] for step in together]


@contextmanager
def _flushed(progress: Mapping[str, StageProgress]) -> Iterator[None]:
    """Plans are written down also if the run ends here, so that the next one knows what was committed."""
    try:
        yield
    finally:
        for done in progress.values():
            done.flush()
