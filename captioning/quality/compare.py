"""What changed between two reports of one dataset, or of two: measures, gates, samples that got worse, models.

python -m pytest tests/captioning/quality/test_judge.py
"""

from collections.abc import Mapping
from dataclasses import dataclass

from captioning.quality.records import Gate, Measure, Report

# A sample's suspicion has changed if it moved by this.
MOVED = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureChange:
    """A measure of a group in both reports. `clear` if their 95 % intervals do not touch; `better` None if neither."""

    group: str
    name: str
    before: Measure
    after: Measure
    clear: bool
    better: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleChange:
    """A sample whose suspicion moved: what was found before and is found now, by name of the check."""

    sample_id: str
    before: float
    after: float
    gone: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """From report A (before) to B (after). `gates` are (before, after), None where a report does not have it."""

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
    """Compare two reports; samples are matched by id, and of groups those that both have count."""
    old = {view.record.sample_id: view for view in before.samples}
    new = {view.record.sample_id: view for view in after.samples}
    changes = []
    for clip in sorted(old.keys() & new.keys()):
        were, are = ({finding.check for finding in view.findings} for view in (old[clip], new[clip]))
        changes.append(
            SampleChange(
                sample_id=clip,
                before=old[clip].suspicion,
                after=new[clip].suspicion,
                gone=tuple(sorted(were - are)),
                new=tuple(sorted(are - were)),
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
        now = {measure.name: measure for measure in after.measures.get(group, ())}
        for was in measures:
            if is_ := now.get(was.name):
                rose = is_.value - was.value
                better = None if was.better is None or not rose else (rose > 0) == (was.better == "high")
                clear = is_.low > was.high or is_.high < was.low
                changes.append(
                    MeasureChange(group=group, name=was.name, before=was, after=is_, clear=clear, better=better)
                )
    return tuple(changes)


def _gates(before: Report, after: Report) -> tuple[tuple[Gate | None, Gate | None], ...]:
    old, new = ({gate.rule: gate for gate in report.gates} for report in (before, after))
    return tuple((old.get(rule), new.get(rule)) for rule in dict.fromkeys((*old, *new)))


def _moved(changes: list[SampleChange], direction: int) -> tuple[SampleChange, ...]:
    moved = [change for change in changes if direction * (change.after - change.before) >= MOVED]
    return tuple(sorted(moved, key=lambda change: (direction * (change.before - change.after), change.sample_id)))
