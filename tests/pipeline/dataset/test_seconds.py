"""Every second of a video is in a clip or in a lost span with its reason, and the same holds for clips and samples.

python -m pytest tests/pipeline/dataset/test_seconds.py
"""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset.seconds import lost_of_clip, lost_of_video, recorded_intervals
from pipeline.stage import Row
from schemas.config import PackConfig, RunConfig, SplitConfig
from schemas.errors import VerifyError
from schemas.outcome_tables import LEDGER
from tests.pipeline.ledger_by_rows import wrong_sums
from tests.pipeline.ledger_of_rows import build_ledger, check_sums

CONFIG = RunConfig(split=SplitConfig(min_seconds=2, max_seconds=10), pack=PackConfig(max_samples_per_clip=2))


def _video(*segments: tuple[float, float]) -> Row:
    return {
        "video_id": "v",
        "object_id": "o",
        "key": "v.mp4",
        "kind": "video",
        "status": "ok",
        "error": None,
        "attempts": 1,
        "start_time": segments[0][0],
        "duration": sum(end - start for start, end in segments),
        "segments": [{"start": start, "end": end} for start, end in segments],
    }


def _split(boundaries: list[float], *parts: tuple[float, float]) -> Row:
    return {
        "status": "ok",
        "error": None,
        "reason": "too short",
        "attempts": 1,
        "boundaries": boundaries,
        "parts": [{"start_time": start, "end_time": end} for start, end in parts],
    }


def _clip(start: float, end: float) -> Row:
    return {"clip_id": f"v-{start}", "video_id": "v", "start_time": start, "end_time": end, "duration": end - start}


def _lost(video: Row, split: Row, *clips: Row) -> list[tuple[float, float, str, str]]:
    spans = lost_of_video(recorded_intervals(video, split, clips), split, clips, CONFIG)
    return [(round(span.span[0], 3), round(span.span[1], 3), span.state, span.reason) for span in spans]


SHORT = "shot shorter than split.min_seconds = 2"


def test_short_shots_and_transitions_are_told_apart() -> None:
    # A shot of 5 s, a dissolve of 0.6 s, a shot of 1.2 s, one of 0.5 s, one of 4 s.
    split = _split([5.6, 6.8, 7.3], (0.0, 11.3))
    assert _lost(_video((0.0, 11.3)), split, _clip(0.0, 5.0), _clip(7.3, 11.3)) == [
        (5.0, 5.6, "empty", "transition between two shots"),
        (5.6, 6.8, "empty", SHORT),
        (6.8, 7.3, "empty", SHORT),
    ]


def test_a_short_shot_with_a_long_transition_says_both() -> None:
    split = _split([2.5], (0.0, 6.5))
    assert _lost(_video((0.0, 6.5)), split, _clip(2.5, 6.5)) == [
        (0.0, 2.5, "empty", f"{SHORT}, with the transition after it")
    ]


def test_a_video_without_a_clip_is_lost_whole() -> None:
    split = _split([1.0], (0.0, 1.9))
    assert _lost(_video((0.0, 1.9)), split) == [(0.0, 1.0, "empty", SHORT), (1.0, 1.9, "empty", SHORT)]


def test_what_cannot_be_decoded_is_a_failure_of_its_own() -> None:
    split = _split([], (0.0, 6.0))
    assert _lost(_video((0.0, 9.5)), split, _clip(0.0, 6.0)) == [(6.0, 9.5, "failed", "no frame of it can be decoded")]


def test_a_pause_of_the_recording_is_not_a_video() -> None:
    split = _split([1800.0], (0.0, 4.0), (1800.0, 1804.0))
    video = _video((0.0, 4.0), (1800.0, 1804.0))
    assert _lost(video, split, _clip(0.0, 4.0), _clip(1800.0, 1804.0)) == []


def test_a_frame_that_stays_too_long_is_named() -> None:
    split = _split([], (0.0, 31.0))
    assert _lost(_video((0.0, 31.0)), split, _clip(0.0, 10.0)) == [
        (10.0, 31.0, "empty", "rest of a frame that stays beyond split.max_seconds = 10")
    ]


def test_rounding_of_time_timestamps_is_nothing() -> None:
    split = _split([4.004], (0.001, 8.003))
    assert _lost(_video((0.0, 8.0)), split, _clip(0.001, 4.0), _clip(4.004, 8.003)) == []


def _planned(clip: Row, count: int, seconds: float) -> list[Row]:
    return [
        {
            "sample_id": f"{clip['clip_id']}-{index}",
            "clip_id": clip["clip_id"],
            "bucket": "384x256x17@8",
            "start_time": clip["start_time"] + index * seconds,
            "end_time": min(clip["end_time"], clip["start_time"] + (index + 1) * seconds),
        }
        for index in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "length", "expected"),
    [
        (1, 3.0, [(2.125, 3.0, "unbucketed", "rest of a clip, shorter than a sample of 384x256x17@8 (2.12 s)")]),
        (2, 9.0, [(4.25, 9.0, "unbucketed", "beyond pack.max_samples_per_clip = 2")]),
        (2, 4.25, []),
        (1, 2.1, []),
    ],
)
def test_what_the_samples_of_a_clip_leave_out_is_named(count: int, length: float, expected: list[Any]) -> None:
    clip = _clip(0.0, length)
    planned = _planned(clip, count, 2.125)
    spans = lost_of_clip(clip, planned, CONFIG)
    assert [(*span.span, span.state, span.reason) for span in spans] == expected


@given(
    st.lists(st.floats(0.05, 12), min_size=1, max_size=12),
    st.floats(-3, 5),
    st.floats(0, 4),
    st.lists(st.floats(0, 1), min_size=12, max_size=12),
)
@settings(max_examples=25, deadline=None)
def test_the_seconds_of_any_video_add_up(shots: list[float], start: float, missing: float, mixed: list[float]) -> None:
    """Shots of any length, each with a transition at its end, and an end that cannot be decoded."""
    edges = [start]
    for seconds in shots:
        edges.append(edges[-1] + seconds)
    spans = [
        (first, last - share * 0.3 * (last - first))
        for (first, last), share in zip(itertools.pairwise(edges), mixed, strict=False)
    ]
    clips = [_clip(first, last) for first, last in spans if last - first >= 2]
    video, split = _video((start, edges[-1] + missing)), _split(edges[1:-1], (start, edges[-1]))
    kept = {clip["clip_id"]: {"state": "filtered", "reason": "dull"} for clip in clips}
    ledger = build_ledger([video], {}, {"v": split}, clips, kept, [], {}, [], (), CONFIG).to_pylist()
    video_row = next(row for row in ledger if row["kind"] == "video")
    inside = [row for row in ledger if row["parent"] == "v"]
    assert video_row["seconds"] == pytest.approx(edges[-1] + missing - start)
    assert sum(row["seconds"] for row in inside) == pytest.approx(video_row["seconds"], abs=0.01 * (len(inside) + 1))
    inside.sort(key=lambda row: row["start_time"])
    assert all(first["end_time"] <= other["start_time"] + 1e-9 for first, other in itertools.pairwise(inside))
    assert all(row["reason"] for row in inside)


def test_seconds_that_do_not_add_up_are_named() -> None:
    split = _split([], (0.0, 6.0))
    table = build_ledger([_video((0.0, 9.5))], {}, {"v": split}, [], {}, [], {}, [], (), CONFIG)
    check_sums(table, 1, 0, 0)
    rows = table.to_pylist()
    assert wrong_sums(rows) == []
    lost = [row for row in rows if row["reason"] != "no frame of it can be decoded"]
    assert wrong_sums(lost) == ["video v has 9.50 s, its parts have 6.00 s"]
    with pytest.raises(VerifyError, match=r"video v has 9\.50 s, its parts have 0\.00 s"):
        check_sums(LEDGER.table(row for row in rows if row["kind"] == "video"), 1, 0, 0)
