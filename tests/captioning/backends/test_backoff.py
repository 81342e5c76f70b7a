"""Pauses grow, stay within their bounds and keep to what a server asks for, within reason."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.backends.backoff import Backoff, read_retry_after

BACKOFF = Backoff(first=0.5, longest=30, longest_asked=120)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@given(st.integers(1, 10_000))
def test_a_pause_doubles_up_to_its_bound(attempt: int) -> None:
    whole = min(30.0, 0.5 * 2.0 ** min(attempt - 1, 20))
    assert whole / 2 <= BACKOFF.pause(attempt) <= whole


@given(st.integers(1, 20), st.floats(0, 1e9))
def test_a_wish_is_kept_to_within_its_bound(attempt: int, asked: float) -> None:
    kept = min(asked, 120.0)
    assert kept <= BACKOFF.pause(attempt, asked) <= kept + 0.5


def test_pauses_are_not_in_step() -> None:
    assert len({BACKOFF.pause(3) for _ in range(20)}) > 10
    assert len({BACKOFF.pause(3, 7.0) for _ in range(20)}) > 10


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Sun, 22 Nov 2026 12:00:09 GMT", 9.0),
        ("Sun, 22 Nov 2026 12:00:09", 9.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds


@given(st.text("0123456789 -+.:,eEGMTSunNov", max_size=40))
def test_any_header_is_read(value: str) -> None:
    seconds = read_retry_after(value, NOW)
    assert seconds is None or seconds >= 0
