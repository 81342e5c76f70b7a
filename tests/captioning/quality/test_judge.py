"""A report of records: measures by group, gates, suspicion, worst clips, JSON both ways, and a comparison."""

from dataclasses import replace

import pytest

from captioning.quality.compare import compare
from captioning.quality.judge import Settings, make_report, report_from_json, report_to_json
from captioning.quality.records import CaptionRecord, Report
from captioning.quality.registry import CHECKS
from schemas.errors import DatasetError, RuleError
from tests.captioning.quality.clips import clip

GOOD = "A grey wolf stands between tall trees and turns its head."


def _records() -> list[CaptionRecord]:
    good = [
        clip(
            GOOD.replace("wolf", f"wolf{index}"),
            f"A grey wolf{index} turns its head.",
            key=f"good-{index}",
            bucket="b",
        )
        for index in range(10)
    ]
    bad = [clip("", key="none"), clip("I'm sorry, I cannot see the frames", "A dog.", key="refused", bucket="b")]
    return [*good, *bad]


def _report(records: list[CaptionRecord], *gates: str) -> Report:
    return make_report(records, Settings(dataset="films", made="now", gates=gates or ("empty <= 0", "loop <= 0")))


def test_groups_gates_and_worst() -> None:
    report = _report(_records())
    assert list(report.measures) == ["all", "bucket b", "source film.mp4"]
    empty = {group: measures[0] for group, measures in report.measures.items()}
    assert (empty["all"].name, empty["all"].value, empty["all"].count) == ("empty", 1 / 12, 12)
    assert empty["bucket b"].value == 0
    assert [(gate.rule, gate.passed) for gate in report.gates] == [("empty <= 0", False), ("loop <= 0", True)]
    assert report.worst[:2] == ("none", "refused")


def test_suspicion_is_one_minus_the_product_of_doubts() -> None:
    view = {view.record.sample_id: view for view in _report(_records()).samples}["refused"]
    expected = 1.0
    for finding in view.findings:
        expected *= 1 - CHECKS[finding.check].weight
    assert view.suspicion == pytest.approx(1 - expected)
    assert {"refusal", "truncated"} <= {finding.check for finding in view.findings}


def test_gates_are_read_before_anything_else() -> None:
    with pytest.raises(RuleError, match="did you mean 'repeated'"):
        _report(_records(), "repeatd <= 0")
    with pytest.raises(RuleError, match="one measure with a number"):
        _report(_records(), "words in top 20%")
    not_measured = _report(_records(), "misaligned <= 1").gates[0]
    assert (not_measured.value, not_measured.passed) == (None, False)


def test_json_both_ways() -> None:
    report = _report(_records())
    assert report_from_json(report_to_json(report)) == report
    with pytest.raises(DatasetError, match="not a caption report"):
        report_from_json("{}")


def test_nothing_to_report_on() -> None:
    report = _report([])
    assert (report.samples, report.measures["all"], report.histograms) == ((), [], ())


def test_what_changed() -> None:
    records = _records()
    healed = [replace(record, dense=GOOD) if record.sample_id == "none" else record for record in records[1:]]
    comparison = compare(_report(records), _report(healed))
    assert [(change.sample_id, change.gone[:1]) for change in comparison.better][:1] == [("none", ("empty",))]
    assert (comparison.removed, comparison.added) == (("good-0",), ())
    empty = next(change for change in comparison.measures if change.name == "empty" and change.group == "all")
    assert (empty.better, empty.clear, empty.after.value) == (True, False, 0)
    assert [(a.passed, b.passed) for a, b in comparison.gates if a and b] == [(False, True), (True, True)]
    assert not any(change.better is not None for change in compare(_report(records), _report(records)).measures)
