"""Without a terminal a stage is heard of while it works, not only when it is done.

python -m pytest tests/pipeline/engine/test_progress.py
"""

import threading

import pytest

from pipeline.engine import progress
from pipeline.engine.progress import Progress
from schemas.heartbeat import Heartbeat


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def soon(*given: object, **named: object) -> Heartbeat:
        return Heartbeat(*given, **named, first=0.01)  # type: ignore[arg-type]

    monkeypatch.setattr(progress, "Heartbeat", soon)


def test_a_bar_is_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress().bar("split", 40) as advance:
        advance(10, 2)
        threading.Event().wait(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("  split: 10 of 40 rows, 2 failed; 0 s, about ")


def test_waiting_without_a_count_is_heard_of(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress().waiting("starting Ray"):
        threading.Event().wait(0.2)
    assert "  starting Ray; 0 s" in capsys.readouterr().err.splitlines()
