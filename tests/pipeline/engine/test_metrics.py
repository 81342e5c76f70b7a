"""The metrics' names are those of the dashboard, and reasons stay few."""

import json
import re
from pathlib import Path

import pytest

from pipeline.engine import metrics
from pipeline.engine.metrics import COUNTERS, GAUGES, exported, reason_of

DASHBOARD = Path(__file__).resolve().parents[3] / "docs" / "cluster" / "grafana.json"


def test_the_dashboard_shows_exactly_the_metrics_that_are_counted() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    shown = {name for panel in panels for target in panel["targets"] for name in re.findall(r"ray_\w+", target["expr"])}
    assert shown == {exported(name) for name in (*COUNTERS, *GAUGES)}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("truncated: 3 of 9 MB are there", "truncated"),
        ("KeyError: 'surprise'", "KeyError"),
        ("fits none of 9 buckets", "fits none of"),
        ("12 things", "other"),
    ],
)
def test_a_reason_has_no_particulars(error: str, reason: str) -> None:
    assert reason_of(error) == reason


def test_there_are_no_more_reasons_than_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_reasons", set())
    kept = {metrics._bounded(f"reason {number}") for number in range(500)}
    assert len(kept) == metrics._MOST_REASONS + 1
    assert metrics._bounded("reason 0") == "reason 0"
