"""Long work without a terminal is heard of: how far, how long, and that it stands still.

python -m pytest tests/schemas/test_heartbeat.py
"""

import io
import sys
import threading

import pytest

from schemas.heartbeat import Heartbeat, shown_seconds


def test_a_line_says_how_far_and_what_is_to_come() -> None:
    beat = Heartbeat("split", total=40, write=print)
    assert beat.line(12) == "  split: 0 of 40 rows; 12 s"
    beat.advance(10, failed=2)
    assert beat.line(60) == "  split: 10 of 40 rows, 2 failed; 60 s, about 3 min to go"
    beat.advance(30)
    assert beat.line(240) == "  split: 40 of 40 rows, 2 failed; 4 min"
    groups = Heartbeat("split to score", total=40, unit="groups", write=print)
    groups.advance(2, 3)
    assert groups.line(10).startswith("  split to score: 2 of 40 groups, 3 rows failed; 10 s")


def test_what_was_done_before_does_not_make_the_rest_look_fast() -> None:
    beat = Heartbeat("stage 64", total=1000, unit="steps", done=900)
    beat.reach(950, "loss 0.7", "stage 128")
    assert beat.line(50) == "  stage 128: 950 of 1,000 steps, loss 0.7; 50 s, about 50 s to go"


def test_work_without_a_count_says_that_it_goes_on() -> None:
    assert Heartbeat("reading the shards").line(7000) == "  reading the shards; 1.9 h"


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (6000, "1.7 h")])
def test_times_for_people(seconds: float, shown: str) -> None:
    assert shown_seconds(seconds) == shown


def test_lines_come_while_nothing_advances_and_stop_with_the_work() -> None:
    twice, lines = threading.Semaphore(0), []

    def write(text: str) -> None:
        lines.append(text)
        twice.release()

    with Heartbeat("split", total=2, write=write, first=0.02):
        assert twice.acquire(timeout=30)
        assert twice.acquire(timeout=30)
    printed = len(lines)
    assert set(lines) == {"  split: 0 of 2 rows; 0 s"}
    threading.Event().wait(0.2)
    assert len(lines) == printed


def test_a_terminal_has_a_bar_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    lines: list[str] = []
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Heartbeat("split", write=lines.append, first=0.0) as beat:
        threading.Event().wait(0.1)
        beat.advance()
    assert lines == []
    with Heartbeat("split", write=lines.append, first=0.0, always=True):
        threading.Event().wait(0.1)
    assert lines != []
