"""Compares two reports, of one dataset or of two: measures, gates, samples that got worse or better, models.

comparison = compare(report_from_json(before), report_from_json(after))
"""

from collections.abc import Mapping
from dataclasses import dataclass

from captioning.quality.records import Gate, Measure, Report

# The least change of a sample's suspicion that is reported.
MOVED = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureChange:
    """A measure of a group in both reports. `clear`: the 95 % intervals do not overlap; `better`: None if neither."""

    group: str
    name: str
    before: Measure
    after: Measure
    clear: bool
    better: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleChange:
    """A sample whose suspicion changed, with the names of checks whose findings are `gone` and `new`."""

    sample_id: str
    before: float
    after: float
    gone: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The changes from one report to another. `gates` are (before, after), None where a report lacks the gate."""

    before: str
    after: str
    measures: tuple[MeasureChange, ...]
    gates: tuple[tuple[Gate | None, Gate | None], ...]
    worse: tuple[SampleChange, ...]
    better: tuple[SampleChange, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    models: Mapping[str, tuple[str, str]]


def compare(before: Report, after: Report) -> Comparison:
    """Compare two reports. Samples are matched by id; groups that only one report has are left out."""
    old = {view.record.sample_id: view for view in before.samples}
    new = {view.record.sample_id: view for view in after.samples}
    changes = []
    for key in sorted(old.keys() & new.keys()):
        old_checks, new_checks = ({finding.check for finding in view.findings} for view in (old[key], new[key]))
        changes.append(
            SampleChange(
                sample_id=key,
                before=old[key].suspicion,
                after=new[key].suspicion,
                gone=tuple(sorted(old_checks - new_checks)),
                new=tuple(sorted(new_checks - old_checks)),
            )
        )
    roles = sorted(before.models.keys() | after.models.keys())
    models = {role: (before.models.get(role, ""), after.models.get(role, "")) for role in roles}
    return Comparison(
        before=f"{before.dataset} {before.made}".strip(),
        after=f"{after.dataset} {after.made}".strip(),
        measures=_measures(before, after),
        gates=_gates(before, after),
        worse=_moved(changes, 1),
        better=_moved(changes, -1),
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        models={role: pair for role, pair in models.items() if pair[0] != pair[1]},
    )


def _measures(before: Report, after: Report) -> tuple[MeasureChange, ...]:
    changes = []
    for group, measures in before.measures.items():
        by_name = {measure.name: measure for measure in after.measures.get(group, ())}
        for old in measures:
            if new := by_name.get(old.name):
                rise = new.value - old.value
                better = None if old.better is None or not rise else (rise > 0) == (old.better == "high")
                clear = new.low > old.high or new.high < old.low
                changes.append(
                    MeasureChange(group=group, name=old.name, before=old, after=new, clear=clear, better=better)
                )
    return tuple(changes)


def _gates(before: Report, after: Report) -> tuple[tuple[Gate | None, Gate | None], ...]:
    old, new = ({gate.rule: gate for gate in report.gates} for report in (before, after))
    return tuple((old.get(rule), new.get(rule)) for rule in dict.fromkeys((*old, *new)))


def _moved(changes: list[SampleChange], direction: int) -> tuple[SampleChange, ...]:
    moved = [change for change in changes if direction * (change.after - change.before) >= MOVED]
    return tuple(sorted(moved, key=lambda change: (direction * (change.before - change.after), change.sample_id)))
