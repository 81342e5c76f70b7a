"""The ledger: every object once, in one state, with the reason; wrong sums are an error.

python -m pytest tests/pipeline/dataset/test_ledger.py
"""

import pytest

from pipeline.stage import Row
from schemas.errors import VerifyError
from schemas.outcome_tables import LEDGER
from tests.pipeline.ledger_by_rows import most_frequent
from tests.pipeline.ledger_of_rows import build_ledger, check_sums


def _video(key: str, status: str = "ok", **changes: object) -> Row:
    error = None if status == "ok" else "0 bytes"
    known: Row = {"video_id": key, "object_id": f"object {key}", "key": f"{key}.mp4"}
    known |= {"kind": "video" if status == "ok" else None}
    known |= {"start_time": 0.0, "duration": 10.0, "segments": [{"start": 0.0, "end": 10.0}]}
    return {**known, "status": status, "error": error, "attempts": 1, **changes}


def _split(status: str = "ok", reason: str | None = None) -> Row:
    times = {"boundaries": [3.0, 6.0], "parts": [{"start_time": 0.0, "end_time": 10.0}]}
    return {
        "status": status, "reason": reason, "error": None if status == "ok" else "no frame", "attempts": 2, **times,
    }  # fmt: skip


def _choice(state: str, reason: str | None = None) -> Row:
    return {"state": state, "reason": reason}


def _sample(key: str, clip: str, status: str = "ok") -> Row:
    error = None if status == "ok" else "no frames"
    known: Row = {"sample_id": key, "clip_id": clip, "video_id": clip[0]}
    return {**known, "status": status, "error": error, "attempts": 3 if error else 1}


def _clip(key: str) -> Row:
    start = 3.0 * (int(key[1]) - 1)
    return {"clip_id": key, "video_id": key[0], "start_time": start, "end_time": start + 3, "duration": 3.0}


def _planned(key: str) -> Row:
    start = float(key[-1])
    times = {"start_time": start, "end_time": start + 1}
    return {"sample_id": key, "clip_id": key[:2], "bucket": "384x256x9@9", **times}


VIDEOS = [
    *(_video(key) for key in "ABCDEFG"),
    _video("H", "failed"),
    _video("I", "failed", video_id=None),
    _video("J"),
]
SPLITS = {key: _split() for key in "ABCDG"} | {"E": _split("failed"), "J": _split(reason="too short")}
CLIPS = [_clip(key) for key in ("A1", "A2", "B1", "B2", "B3", "C1", "D1", "G1")]
SELECTION = {
    "A1": _choice("kept"),
    "A2": _choice("filtered", "dull"),
    "B1": _choice("unbucketed", "small"),
    "B2": _choice("filtered", "dull"),
    "B3": _choice("filtered", "dark"),
    "C1": _choice("kept"),
    "D1": _choice("kept"),
    "G1": _choice("failed", "no picture"),
}
SAMPLES = [_sample("A1-0", "A1"), _sample("A1-1", "A1", "failed"), _sample("D1-0", "D1", "failed")]
FAILURES = {"A1-2": ("summarise", "no answer", 3), "C1-0": ("caption", "no words", 2)}
SPANS = [_planned(key) for key in ("A1-0", "A1-1", "A1-2", "C1-0", "D1-0")]


def _ledger() -> dict[tuple[str, str], Row]:
    table = build_ledger(VIDEOS, {"F": "A"}, SPLITS, CLIPS, SELECTION, SPANS, FAILURES, SAMPLES)
    rows = LEDGER.check(table).to_pylist()
    assert sum(row["kind"] != "span" for row in rows) == len(VIDEOS) + len(CLIPS) + len(SPANS)
    return {(row["kind"], row["id"]): row for row in rows}


@pytest.mark.parametrize(
    ("key", "state", "stage", "reason"),
    [
        ("A", "shipped", "pack", None),
        ("B", "filtered", "select", "dull"),
        ("C", "failed", "caption", "no words"),
        ("D", "failed", "encode", "no frames"),
        ("E", "failed", "split", "no frame"),
        ("F", "duplicate", "ingest", "same bytes as A"),
        ("G", "failed", "score", "no picture"),
        ("H", "failed", "ingest", "0 bytes"),
        ("object I", "failed", "ingest", "0 bytes"),
        ("J", "empty", "split", "too short"),
    ],
)
def test_every_video_ends_in_one_state_with_its_reason(key: str, state: str, stage: str, reason: str | None) -> None:
    row = _ledger()["video", key]
    assert (row["state"], row["stage"], row["reason"]) == (state, stage, reason)
    assert row["source"] == f"{key[-1]}.mp4"


@pytest.mark.parametrize(
    ("key", "state", "stage", "reason", "attempts"),
    [
        ("A1", "shipped", "pack", None, 1),
        ("A2", "filtered", "select", "dull", 1),
        ("B1", "unbucketed", "select", "small", 1),
        ("C1", "failed", "caption", "no words", 2),
        ("D1", "failed", "encode", "no frames", 3),
        ("G1", "failed", "score", "no picture", 1),
    ],
)
def test_every_clip_ends_in_one_state(key: str, state: str, stage: str, reason: str | None, attempts: int) -> None:
    row = _ledger()["clip", key]
    assert (row["state"], row["stage"], row["reason"], row["attempts"]) == (state, stage, reason, attempts)


def test_samples_are_shipped_or_failed() -> None:
    ledger = _ledger()
    assert ledger["sample", "A1-0"]["state"] == "shipped"
    failed = ledger["sample", "A1-1"]
    assert (failed["state"], failed["reason"], failed["attempts"]) == ("failed", "no frames", 3)


def test_a_sample_without_a_caption_is_a_failed_sample_and_its_clip_ships_with_the_others() -> None:
    ledger = _ledger()
    row = ledger["sample", "A1-2"]
    assert (row["state"], row["stage"], row["reason"], row["attempts"]) == ("failed", "summarise", "no answer", 3)
    assert row["source"] == "A.mp4"
    assert ledger["clip", "A1"]["state"] == ledger["video", "A"]["state"] == "shipped"


def test_a_clip_whose_samples_all_failed_has_the_reason_of_most_of_them() -> None:
    spans = [_planned(f"A1-{number}") for number in range(3)]
    failures = {"A1-0": ("caption", "no words", 2), "A1-2": ("caption", "no words", 4)}
    samples = [_sample("A1-1", "A1", "failed")]
    table = build_ledger([_video("A")], {}, {"A": _split()}, CLIPS[:1], SELECTION, spans, failures, samples)
    rows = {row["id"]: row for row in table.to_pylist()}
    assert (rows["A1"]["state"], rows["A1"]["stage"], rows["A1"]["reason"]) == ("failed", "caption", "no words")
    assert rows["A1"]["attempts"] == 4
    assert sum(kind != "span" for kind in table["kind"].to_pylist()) == 1 + 1 + 3


def test_a_clip_without_a_planned_sample_is_not_lost() -> None:
    table = build_ledger([_video("A")], {}, {"A": _split()}, CLIPS[:1], SELECTION, [], {}, [])
    reasons = {row["kind"]: (row["state"], row["reason"]) for row in table.to_pylist()}
    assert reasons["clip"] == reasons["video"] == ("failed", "no sample was planned for it")


@pytest.mark.parametrize(
    ("counts", "words"),
    [((9, 8, 5), "10 video rows for 9"), ((10, 9, 5), "8 clip rows for 9"), ((10, 8, 3), "5 sample rows for 3")],
)
def test_sums_that_do_not_hold_are_named(counts: tuple[int, int, int], words: str) -> None:
    table = LEDGER.table(_ledger().values())
    check_sums(table, 10, 8, 5)
    with pytest.raises(VerifyError, match=words):
        check_sums(table, *counts)


def test_a_state_that_is_none_is_named() -> None:
    row = {**dict.fromkeys(LEDGER.names), "kind": "video", "id": "A", "source": "A.mp4", "state": "lost", "stage": ""}
    row |= {"attempts": 1, "seconds": 0.0}
    with pytest.raises(VerifyError, match="lost"):
        check_sums(LEDGER.table([row]), 1, 0, 0)


def test_the_most_frequent_state_wins_and_ties_go_to_the_first_of_the_list() -> None:
    outcomes = [("failed", "pack", "x"), ("filtered", "select", "dull"), ("filtered", "select", "dark")]
    assert most_frequent(outcomes) == ("filtered", "select", "dull")
    assert most_frequent(outcomes[:2]) == ("filtered", "select", "dull")
    assert most_frequent(reversed(outcomes)) == ("filtered", "select", "dark")


def test_a_source_that_vanished_stands_in_its_own_state_and_counts() -> None:
    gone: Row = {"id": "Z", "source": "z.mp4", "state": "shipped", "reason": "its 2 samples left the shards"}
    table = build_ledger([_video("F")], {"F": "A"}, {}, [], {}, [], {}, [], [gone])
    rows = {row["id"]: (row["kind"], row["state"], row["stage"], row["reason"]) for row in table.to_pylist()}
    assert rows["Z"] == ("video", "vanished", "ingest", "its 2 samples left the shards")
    check_sums(table, 2, 0, 0)
