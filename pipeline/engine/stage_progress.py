"""What one stage has of all slices: parts planned and committed before, and what this run adds.

A slice that is complete, and whose input is that of an earlier run, is known by a mark (`pipeline.dataset.complete`)
and is not looked into. Of any other the plan is read when it is opened, and forgotten when the run goes on to others.

    progress = StageProgress(dataset, spec, committed, failed, prior)
    plan = progress.opened("slice-000000").plan(group, identities)     # complete if nothing is pending
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from pipeline.dataset.complete import Complete, CompleteSlices
from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import Part, Plan, make_plan
from pipeline.dataset.plan_files import PlanFiles
from pipeline.dataset.slice_files import is_slice
from pipeline.dataset.stage_run import Served, StageRun
from pipeline.engine.group_state import StageState
from pipeline.engine.groups import ByVideo, Group
from pipeline.stage import StageSpec

_PARTS_PER_PLAN = 1024


class StageProgress:
    """`failed` holds the keys of rows to retry by part, `prior` how often they were tried."""

    def __init__(
        self,
        dataset: Dataset,
        spec: StageSpec,
        committed: set[str],
        failed: Mapping[str, Sequence[str]],
        prior: Mapping[str, int],
    ) -> None:
        self.spec = spec
        self.prior = prior
        self.marked: dict[str, Complete] = {}
        self._dataset, self._committed = dataset, committed
        self._plans = dataset.plans(spec.outputs[0].folder, spec.fingerprint)
        self._complete = CompleteSlices.read(dataset, spec)
        self._failed = failed
        self._failed_by_video = ByVideo((key, part) for part, keys in failed.items() for key in keys)
        self._open: dict[str, SliceProgress] = {}
        self._served: dict[str, Served] = {}

    def complete(self, slice_name: str, inputs: str) -> Served | None:
        """What is served of a slice that is complete with these inputs; None if that is not known."""
        mark = None if self._failed else self._complete.of(slice_name, inputs)
        if mark is None or not mark.served.keys() <= self._committed:
            return None
        self.marked[slice_name] = mark
        return mark.served

    def serve_marked(self, slice_name: str) -> None:
        """Take what `complete` gave."""
        self._served[slice_name] = self.marked[slice_name].served

    def opened(self, slice_name: str) -> "SliceProgress":
        """A slice that is looked into, until `close`."""
        if slice_name not in self._open:
            self.marked.pop(slice_name, None)
            self._open[slice_name] = SliceProgress(
                self.spec, slice_name, self._plans, self._committed, self._failed, self._failed_by_video, self.prior
            )
        return self._open[slice_name]

    def close(self) -> None:
        """Write down what is planned in the open slices, and keep only what they serve."""
        for name, opened in self._open.items():
            opened.flush()
            self._served[name] = opened.served
        self._open = {}

    def of(self, slices: Collection[str]) -> StageRun:
        """The rows of some open slices that are available so far."""
        served = {name: self._open[name].served for name in slices if name in self._open}
        return StageRun(self.spec, served, self._dataset)

    @property
    def run(self) -> StageRun:
        """The stage with the rows that are available so far."""
        now = {name: opened.served for name, opened in self._open.items()}
        return StageRun(self.spec, {**self._served, **now}, self._dataset)

    @property
    def unmarked(self) -> StageRun:
        """`run` without the slices that were not looked into."""
        run = self.run
        slices = {name: served for name, served in run.slices.items() if name not in self.marked}
        return StageRun(self.spec, slices, self._dataset)


class SliceProgress:
    """What one stage has of one slice."""

    def __init__(
        self,
        spec: StageSpec,
        name: str,
        plans: PlanFiles,
        committed: set[str],
        failed: Mapping[str, Sequence[str]],
        failed_by_video: ByVideo[str],
        prior: Mapping[str, int],
    ) -> None:
        self._spec, self._name, self._plans, self._committed, self._prior = spec, name, plans, committed, prior
        # The file of a slice that is gone is not made again as such: its rows are planned like new ones.
        planned = plans.read(name)
        self._known = [part for part in planned if part.name in committed or not is_slice(part.name)]
        self._sizes = {part.name: len(part.rows) for part in self._known}
        self._by_video = ByVideo((row[0], (place, row)) for place, part in enumerate(self._known) for row in part.rows)
        self._failed, self._failed_by_video = failed, failed_by_video
        self._served: dict[str, set[str]] = defaultdict(set)
        self._unwritten: list[Part] = []

    def state(self, group: Group) -> StageState:
        """What is known of a group's rows: the parts that hold some, and the rows that are to be retried."""
        rows: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for _, (place, row) in self._by_video.within(group):
            rows[place].append(row)
        # The file of a slice is of many groups; any other part is as it was planned.
        known = [
            Part(part.name, tuple(rows[place])) if is_slice(part.name) else part
            for place, part in enumerate(self._known)
            if place in rows
        ]
        failed: dict[str, list[str]] = defaultdict(list)
        for key, part_name in self._failed_by_video.within(group):
            failed[part_name].append(key)
        return StageState(
            known=known,
            committed=[part.name for part in known if part.name in self._committed],
            failed=dict(failed),
            prior={key: self._prior[key] for keys in failed.values() for key in keys},
        )

    def plan(self, group: Group, requested: Sequence[tuple[str, str]]) -> Plan:
        """The plan of a group's rows (key, identity)."""
        state = self.state(group)
        return make_plan(requested, state.known, self._committed, self._spec.rows_per_part, state.failed)

    def plan_all(self, requested: Sequence[tuple[str, str]]) -> Plan:
        """The plan of all rows of the slice (key, identity)."""
        failed = {part.name: self._failed[part.name] for part in self._known if part.name in self._failed}
        return make_plan(requested, self._known, self._committed, self._spec.rows_per_part, failed)

    def serve(self, parts: Mapping[str, Collection[str]]) -> None:
        """Count these rows (keys by part) as available."""
        for part, keys in parts.items():
            self._served[part].update(keys)

    def record(self, planned: Iterable[Part]) -> None:
        """Remember newly planned parts; they are written down now and then, and by `flush`."""
        fresh = [part for part in planned if part.name not in self._sizes]
        self._sizes |= {part.name: len(part.rows) for part in fresh}
        self._unwritten += fresh
        if len(self._unwritten) >= _PARTS_PER_PLAN:
            self.flush()

    def flush(self) -> None:
        """Write down what is planned and not written yet."""
        if self._unwritten:
            self._plans.append(self._name, self._unwritten)
            self._unwritten = []

    @property
    def served(self) -> Served:
        """What is available: keys by part, None for all rows of one."""
        return {
            part: None if len(keys) == self._sizes.get(part) else frozenset(keys) for part, keys in self._served.items()
        }
