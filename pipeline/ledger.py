"""The ledger: every video, clip and sample ends in exactly one state, and the sums hold.

A video is shipped if any of its clips is; otherwise it has the state and reason that most of its clips have. A clip is
shipped if any of its samples is. The ledger is rebuilt whole from the tables, so it cannot drift from them.

    just ledger <dataset>                 # the funnel
    just ledger <dataset> --state failed  # the rows in one state
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from pipeline.stage import Row
from schemas.errors import VerifyError
from schemas.outcome_tables import LEDGER, STATES

_ORDER = {state: place for place, state in enumerate(STATES)}


def build_ledger(
    videos: Sequence[Row],
    identical: Mapping[str, str],
    splits: Mapping[str, Row],
    clips: Sequence[Row],
    selection: Mapping[str, Row],
    caption_failures: Mapping[str, tuple[str, str, int]],
    samples: Sequence[Row],
) -> pa.Table:
    """Build the ledger of one run from its tables. All mappings are by id; `videos` hold every listed object."""
    source = {row["video_id"]: row["key"] for row in videos if row["video_id"]}
    by_clip: dict[str, list[Row]] = defaultdict(list)
    for sample in samples:
        by_clip[sample["clip_id"]].append(sample)
    rows: list[Row] = [_sample_row(sample, source[sample["video_id"]]) for sample in samples]
    by_video: dict[str, list[Row]] = defaultdict(list)
    for clip in clips:
        key = clip["clip_id"]
        row = _clip_row(key, selection[key], caption_failures.get(key), by_clip.get(key, []))
        row["source"] = source[clip["video_id"]]
        by_video[clip["video_id"]].append(row)
        rows.append(row)
    rows += [_video_row(video, identical, splits, by_video) for video in videos]
    ledger = LEDGER.table(sorted(rows, key=lambda row: (row["kind"], row["source"], row["id"])))
    check_sums(ledger, len(videos), len(clips), len(samples))
    return ledger


def check_sums(ledger: pa.Table, videos: int, clips: int, samples: int) -> None:
    """Raise `VerifyError` unless every object stands in the ledger once, in a state that there is."""
    counts = Counter(ledger["kind"].to_pylist())
    expected = {"video": videos, "clip": clips, "sample": samples}
    wrong = [f"{counts[kind]} {kind} rows for {count}" for kind, count in expected.items() if counts[kind] != count]
    unknown = set(ledger["state"].to_pylist()) - set(STATES)
    if wrong or unknown:
        raise VerifyError(f"the ledger does not add up: {'; '.join([*wrong, *sorted(unknown)])}")


def _row(kind: str, key: str, source: str, state: str, stage: str, reason: str | None, attempts: int = 1) -> Row:
    return {
        "kind": kind, "id": key, "source": source, "state": state, "stage": stage, "reason": reason,
        "attempts": attempts,
    }  # fmt: skip


def _sample_row(sample: Row, source: str) -> Row:
    failed = sample["status"] == "failed"
    state = "failed" if failed else "shipped"
    return _row("sample", sample["sample_id"], source, state, "pack", sample["error"], sample["attempts"])


def _clip_row(key: str, chosen: Row, failure: tuple[str, str, int] | None, samples: Sequence[Row]) -> Row:
    if chosen["state"] != "kept":
        stage = "score" if chosen["state"] == "failed" else "select"
        return _row("clip", key, "", chosen["state"], stage, chosen["reason"])
    if failure:
        stage, error, attempts = failure
        return _row("clip", key, "", "failed", stage, error, attempts)
    shipped = [sample for sample in samples if sample["status"] == "ok"]
    if shipped:
        return _row("clip", key, "", "shipped", "pack", None, max(sample["attempts"] for sample in shipped))
    error = samples[0]["error"] if samples else "no sample was planned for it"
    return _row("clip", key, "", "failed", "pack", error, max((one["attempts"] for one in samples), default=1))


def _video_row(
    video: Row, identical: Mapping[str, str], splits: Mapping[str, Row], by_video: Mapping[str, list[Row]]
) -> Row:
    key, source = video["video_id"] or video["object_id"], video["key"]
    if video["status"] == "failed":
        return _row("video", key, source, "failed", "ingest", video["error"], video["attempts"])
    if key in identical:
        return _row("video", key, source, "duplicate", "ingest", f"same bytes as {identical[key]}")
    split = splits[key]
    if split["status"] == "failed":
        return _row("video", key, source, "failed", "split", split["error"], split["attempts"])
    clips = by_video.get(key, [])
    if not clips:
        return _row("video", key, source, "empty", "split", split["reason"], split["attempts"])
    if any(clip["state"] == "shipped" for clip in clips):
        return _row("video", key, source, "shipped", "pack", None)
    state, stage, reason = most_frequent((clip["state"], clip["stage"], clip["reason"]) for clip in clips)
    return _row("video", key, source, state, stage, reason)


def most_frequent(outcomes: Iterable[tuple[str, str, str | None]]) -> tuple[str, str, str | None]:
    """The most frequent state with its first reason; ties go to the state that comes first in `STATES`."""
    listed = list(outcomes)
    counts = Counter(state for state, _, _ in listed)
    best = min(counts, key=lambda state: (-counts[state], _ORDER[state]))
    return next(outcome for outcome in listed if outcome[0] == best)
