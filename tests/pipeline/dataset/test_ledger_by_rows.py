"""The ledger made by queries is that of plain Python, row by row, for any mixture of times, states and oddities.

python -m pytest tests/pipeline/dataset/test_ledger_by_rows.py
"""

import itertools
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.stage import Row
from schemas.config import PackConfig, RunConfig, SplitConfig
from schemas.errors import VerifyError
from tests.pipeline import ledger_by_rows
from tests.pipeline.ledger_of_rows import build_ledger

CONFIG = RunConfig(split=SplitConfig(min_seconds=1.0, max_seconds=4.0), pack=PackConfig(max_samples_per_clip=2))
BUCKETS = {"64x64x9@9": 1.0, "64x64x17@12.5": 17 / 12.5, "64x64x1": 0.0}
attempts = st.integers(1, 3)
# Mostly quarters of a second, now and then less than a frame beside one.
times = st.tuples(st.integers(0, 60), st.sampled_from([0.0] * 6 + [0.004, 0.009, 0.011, 0.333])).map(
    lambda parts: parts[0] / 4 + parts[1]
)
words = st.sampled_from([None, "dull", "dark"])


def spans(draw: st.DrawFn, most: int) -> list[tuple[float, float]]:
    """Intervals of time, often one after another, sometimes overlapping."""
    edges = sorted(draw(st.lists(times, max_size=2 * most)))
    chained = [(start, end) for start, end in itertools.pairwise(edges) if start < end]
    kept = draw(st.lists(st.sampled_from(chained), unique=True, max_size=most)) if chained else []
    loose = [
        (start, start + length / 4) for start, length in draw(st.lists(st.tuples(times, st.integers(1, 9)), max_size=1))
    ]
    return sorted(kept) + (loose if draw(st.integers(0, 3)) == 0 else [])


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    """The tables of a run as rows."""
    run: dict[str, Any] = {name: {} for name in ("identical", "splits", "selection", "failures")}
    run |= {name: [] for name in ("videos", "clips", "spans", "samples")}
    for number in range(draw(st.integers(0, 4))):
        _add_video(draw, run, f"v{number}")
    run["clips"].sort(key=lambda clip: str(clip["clip_id"]))
    run["spans"].sort(key=lambda span: (span["clip_id"], span["ordinal"]))
    run["vanished"] = draw(
        st.just([]) | st.just([{"id": "gone", "source": "gone.mp4", "state": "shipped", "reason": "r"}])
    )
    return run


def _add_video(draw: st.DrawFn, run: dict[str, Any], key: str) -> None:
    status = draw(st.sampled_from(["ok", "ok", "ok", "failed"]))
    is_image = draw(st.integers(0, 5)) == 0
    segments = [] if is_image else [{"start": start, "end": end} for start, end in spans(draw, 2)]
    start, lengths = draw(times), times.filter(bool)
    duration = 0.0 if is_image else draw(st.none() | lengths if status == "failed" else lengths)
    video: Row = {
        "object_id": f"object {key}", "video_id": key if status == "ok" or draw(st.booleans()) else None,
        "key": f"{draw(st.sampled_from('abc'))}{key}.mp4",
        "kind": "image" if is_image else "video", "start_time": start,
        "duration": duration,
        "segments": segments, "status": status, "error": draw(words), "attempts": draw(attempts),
    }  # fmt: skip
    run["videos"].append(video)
    if status == "failed":
        return
    if draw(st.integers(0, 5)) == 0:
        run["identical"][key] = "v0"
        return
    split = draw(st.sampled_from(["ok", "ok", "ok", "failed"]))
    run["splits"][key] = {
        "status": split, "error": draw(words), "attempts": draw(attempts), "reason": draw(words),
        "boundaries": None if split == "failed" else sorted(draw(st.lists(times, max_size=4))),
        "parts": None if split == "failed" else [{"start_time": a, "end_time": b} for a, b in spans(draw, 2)],
    }  # fmt: skip
    if split == "ok":
        clips = [(0.0, 0.0)] if is_image else spans(draw, 5)
        for place, (begin, end) in enumerate(dict.fromkeys(clips)):
            _add_clip(draw, run, key, f"{key}-{draw(st.integers(0, 3))}{place}", begin, end)


def _add_clip(draw: st.DrawFn, run: dict[str, Any], video: str, key: str, begin: float, end: float) -> None:
    run["clips"].append(
        {"clip_id": key, "video_id": video, "start_time": begin, "end_time": end, "duration": end - begin}
    )
    state = draw(st.sampled_from(["kept", "kept", "filtered", "duplicate", "unbucketed", "failed"]))
    run["selection"][key] = {"state": state, "reason": draw(words)}
    if state != "kept":
        return
    bucket, seconds = draw(st.sampled_from(sorted(BUCKETS.items())))
    off = draw(st.sampled_from([0.0] * 5 + [0.25]))
    for ordinal in range(draw(st.integers(0, 2))):
        sample = f"{key}-{ordinal}"
        first, last = begin + ordinal * seconds + off, min(end, begin + (ordinal + 1) * seconds)
        run["spans"].append({"sample_id": sample, "clip_id": key, "ordinal": ordinal, "bucket": bucket,
                             "start_time": first, "end_time": last})  # fmt: skip
        outcome = draw(st.sampled_from(["ok", "ok", "failed", "uncaptioned"]))
        if outcome == "uncaptioned":
            run["failures"][sample] = ("caption", draw(words), draw(attempts))
        else:
            run["samples"].append(
                {"sample_id": sample, "status": outcome, "error": draw(words), "attempts": draw(attempts)}
            )


@given(runs())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_run_has_the_ledger_of_plain_python(run: dict[str, Any]) -> None:
    assert _outcome(build_ledger, run) == _outcome(ledger_by_rows.build_ledger, run)


def _outcome(build: Callable[..., pa.Table], run: dict[str, Any]) -> list[Row] | str:
    """The rows of the ledger, or why it does not add up."""
    try:
        rows: list[Row] = build(**_arguments(run)).to_pylist()
    except VerifyError as error:
        return str(error)
    return rows


def _arguments(run: dict[str, Any]) -> dict[str, Any]:
    given = {
        name: run[name]
        for name in ("videos", "identical", "splits", "clips", "selection", "spans", "samples", "vanished")
    }
    splits = {
        key: {**row, "boundaries": row["boundaries"] or [], "parts": row["parts"] or []}
        for key, row in run["splits"].items()
    }
    return {**given, "splits": splits, "failures": run["failures"], "config": CONFIG}
