"""The ledger: every video, clip and sample ends in exactly one state, and the sums add up.

A video is shipped if any of its clips is; otherwise it has the state and reason that most of its clips have. The same
holds for a kept clip and its samples; a sample is shipped, or its caption or its packing failed. Seconds are counted
beside the rows, and a lost span has a row of its own (`seconds.py`). The ledger is rebuilt from the tables on every
run, so it cannot drift from them.

    just ledger <dataset>                 # the funnel
    just ledger <dataset> --state failed  # the rows in one state
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from pipeline.dataset.seconds import RunTables, account, wrong_sums
from pipeline.stage import Failure, Row
from schemas.config import RunConfig
from schemas.errors import VerifyError
from schemas.outcome_tables import LEDGER, STATES

_DEFAULTS = RunConfig()
_SHOWN = 20
_ORDER = {state: index for index, state in enumerate(STATES)}


def build_ledger(
    videos: Sequence[Row],
    identical: Mapping[str, str],
    splits: Mapping[str, Row],
    clips: Sequence[Row],
    selection: Mapping[str, Row],
    spans: Sequence[Row],
    caption_failures: Mapping[str, Failure],
    samples: Sequence[Row],
    vanished: Sequence[Row] = (),
    config: RunConfig = _DEFAULTS,
) -> pa.Table:
    """Build the ledger of one run from its tables.

    All mappings are keyed by id; `videos` holds every listed object, `vanished` those that only earlier runs listed
    (`pipeline.dataset.belonging.find_vanished`). `spans` are the planned samples, `caption_failures` those without a
    caption, `samples` those that were packed.
    """
    source = {row["video_id"]: row["key"] for row in videos if row["video_id"]}
    source_of_clip = {clip["clip_id"]: source[clip["video_id"]] for clip in clips}
    packed = {sample["sample_id"]: sample for sample in samples}
    by_clip: dict[str, list[Row]] = defaultdict(list)
    for span in spans:
        key, clip_key = span["sample_id"], span["clip_id"]
        row = _sample_row(key, source_of_clip[clip_key], caption_failures.get(key), packed.get(key))
        by_clip[clip_key].append(row)
    rows = [row for group in by_clip.values() for row in group]
    by_video: dict[str, list[Row]] = defaultdict(list)
    for clip in clips:
        key = clip["clip_id"]
        row = _clip_row(key, source_of_clip[key], selection[key], by_clip.get(key, []))
        by_video[clip["video_id"]].append(row)
        rows.append(row)
    rows += [_video_row(video, identical, splits, by_video) for video in videos]
    rows += [_row("video", row["id"], row["source"], "vanished", "ingest", row["reason"]) for row in vanished]
    tables = RunTables(
        videos={row["video_id"] or row["object_id"]: row for row in videos},
        splits=splits,
        clips={row["clip_id"]: row for row in clips},
        planned={row["sample_id"]: row for row in spans},
        config=config,
    )
    rows = account(rows, tables)
    ledger = LEDGER.table(sorted(rows, key=lambda row: (row["kind"], row["source"], row["id"])))
    check_sums(ledger, len(videos) + len(vanished), len(clips), len(spans))
    return ledger


def check_sums(ledger: pa.Table, videos: int, clips: int, samples: int) -> None:
    """Raise `VerifyError` unless every object occurs once, in a known state, and the seconds add up."""
    counts = Counter(ledger["kind"].to_pylist())
    expected = {"video": videos, "clip": clips, "sample": samples}
    wrong = [f"{counts[kind]} {kind} rows for {count}" for kind, count in expected.items() if counts[kind] != count]
    unknown = set(ledger["state"].to_pylist()) - set(STATES)
    wrong += [f"state {state}" for state in sorted(unknown)] + wrong_sums(ledger.to_pylist())
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise VerifyError(f"the ledger does not add up: {'; '.join(wrong[:_SHOWN])}{more}")


def _row(kind: str, key: str, source: str, state: str, stage: str, reason: str | None, attempts: int = 1) -> Row:
    return {
        "kind": kind, "id": key, "source": source, "state": state, "stage": stage, "reason": reason,
        "attempts": attempts,
    }  # fmt: skip


def _sample_row(key: str, source: str, failure: Failure | None, packed: Row | None) -> Row:
    if failure:
        return _row("sample", key, source, "failed", *failure)
    assert packed is not None, f"sample {key} was planned and captioned, but never packed"
    state, stage = ("failed", "encode") if packed["status"] == "failed" else ("shipped", "pack")
    return _row("sample", key, source, state, stage, packed["error"], packed["attempts"])


def _clip_row(key: str, source: str, chosen: Row, samples: Sequence[Row]) -> Row:
    if chosen["state"] != "kept":
        stage = "score" if chosen["state"] == "failed" else "select"
        return _row("clip", key, source, chosen["state"], stage, chosen["reason"])
    if not samples:
        return _row("clip", key, source, "failed", "pack", "no sample was planned for it")
    deciding = [sample for sample in samples if sample["state"] == "shipped"] or samples
    state, stage, reason = most_frequent((sample["state"], sample["stage"], sample["reason"]) for sample in deciding)
    return _row("clip", key, source, state, stage, reason, max(sample["attempts"] for sample in deciding))


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
