"""What one stage of a stream has of all groups: parts planned and committed before, and what this run adds.

progress = StageProgress(dataset, spec, failed, prior)
plan = progress.plan(group, identities)     # complete if nothing is pending
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import Part, Plan, make_plan
from pipeline.dataset.stage_run import StageRun
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
        self._dataset, self._committed = dataset, committed
        self._known = dataset.read_plan(spec.outputs[0].folder, spec.fingerprint)
        self._names = {part.name for part in self._known}
        self._by_video = ByVideo((key, place) for place, part in enumerate(self._known) for key, _ in part.rows)
        self._failed_by_video = ByVideo((key, part) for part, keys in failed.items() for key in keys)
        self._served: dict[str, set[str]] = defaultdict(set)
        self._unwritten: list[Part] = []

    def state(self, group: Group) -> StageState:
        """What is known of a group's rows: the parts that hold some, and the rows that are to be retried."""
        known = [self._known[place] for place in sorted({place for _, place in self._by_video.within(group)})]
        failed: dict[str, list[str]] = defaultdict(list)
        for key, part in self._failed_by_video.within(group):
            failed[part].append(key)
        return StageState(
            known=known,
            committed=[part.name for part in known if part.name in self._committed],
            failed=dict(failed),
            prior={key: self.prior[key] for keys in failed.values() for key in keys},
        )

    def plan(self, group: Group, requested: Sequence[tuple[str, str]]) -> Plan:
        """The plan of a group's rows (key, identity)."""
        state = self.state(group)
        return make_plan(requested, state.known, self._committed, self.spec.rows_per_part, state.failed)

    def serve(self, parts: Mapping[str, Collection[str]]) -> None:
        """Count these rows (keys by part) as available."""
        for part, keys in parts.items():
            self._served[part].update(keys)

    def record(self, planned: Iterable[Part]) -> None:
        """Remember newly planned parts; they are written down now and then, and by `flush`."""
        fresh = [part for part in planned if part.name not in self._names]
        self._names.update(part.name for part in fresh)
        self._unwritten += fresh
        if len(self._unwritten) >= _PARTS_PER_PLAN:
            self.flush()

    def flush(self) -> None:
        """Write down what is planned and not written yet."""
        if self._unwritten:
            self._dataset.append_plan(self.spec.outputs[0].folder, self.spec.fingerprint, self._unwritten)
            self._unwritten = []

    @property
    def run(self) -> StageRun:
        """The stage with the rows that are available so far."""
        served = {part: frozenset(keys) for part, keys in self._served.items()}
        return StageRun(self.spec, served, self._dataset)
