"""The ledger row by row in plain Python: what the queries are held against in tests.

ledger = build_ledger(videos, identical, splits, clips, selection, spans, failures, samples)
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipeline.dataset.seconds import cut, minus, union
from pipeline.stage import Failure, Row
from schemas.bucket import Bucket
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
    failures: Mapping[str, Failure],
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
        row = _sample_row(key, source_of_clip[clip_key], failures.get(key), packed.get(key))
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


ROUNDING = 0.01
"""Seconds: a shorter span is rounding of timestamps and gets no row."""
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTables:
    """The tables of a run, by id. `planned` are the rows of the sample spans."""

    videos: Mapping[str, Row]
    splits: Mapping[str, Row]
    clips: Mapping[str, Row]
    planned: Mapping[str, Row]
    config: RunConfig


@dataclass(frozen=True, slots=True)
class _LostSpan:
    span: Interval
    state: str
    stage: str
    reason: str


def account(rows: Iterable[Row], tables: RunTables) -> list[Row]:
    """The ledger rows of videos, clips and samples with times, seconds and parents, and a row per lost span."""
    listed = list(rows)
    clips_of: dict[str, list[Row]] = defaultdict(list)
    for clip in tables.clips.values():
        clips_of[clip["video_id"]].append(clip)
    videos = {
        key: recorded_intervals(video, tables.splits.get(key), clips_of[key]) for key, video in tables.videos.items()
    }
    planned_of: dict[str, list[Row]] = defaultdict(list)
    for span in tables.planned.values():
        planned_of[span["clip_id"]].append(span)
    result = []
    for row in listed:
        key = row["id"]
        result.append(_timed(row, tables, videos))
        if row["kind"] == "video" and videos.get(key) and _is_split(tables.splits.get(key)):
            lost = lost_of_video(videos[key], tables.splits[key], clips_of[key], tables.config)
        elif row["kind"] == "clip" and planned_of[key]:
            lost = lost_of_clip(tables.clips[key], planned_of[key], tables.config)
        else:
            continue
        result += [_span_row(row, span) for span in lost]
    return result


def recorded_intervals(video: Row, split: Row | None, clips: Sequence[Row]) -> list[Interval]:
    """The intervals of time in which a video has frames, in order; none for an image or an unreadable file."""
    if video["kind"] != "video" or video["duration"] is None:
        return []
    segments = [(segment["start"], segment["end"]) for segment in video["segments"] or ()]
    recorded = segments or [(video["start_time"], video["start_time"] + video["duration"])]
    parts = [(part["start_time"], part["end_time"]) for part in (split or {}).get("parts") or ()]
    return union([*recorded, *parts, *map(_span, clips)])


def lost_of_video(video: Sequence[Interval], split: Row, clips: Sequence[Row], config: RunConfig) -> list[_LostSpan]:
    """The spans of a video outside all clips, cut where shots and parts begin, each with its reason."""
    parts = [(part["start_time"], part["end_time"]) for part in split["parts"] or ()]
    begins = [video[0][0], *(start for start, _ in parts), *split["boundaries"]]
    clip_at_end = {clip["end_time"]: clip for clip in clips}
    pieces = cut(minus(video, union(map(_span, clips))), [*begins, *(end for _, end in parts)])
    return [
        _LostSpan(piece, *_why_no_clip(piece, parts, begins, clip_at_end, config))
        for piece in pieces
        if piece[1] - piece[0] >= ROUNDING
    ]


def _why_no_clip(
    piece: Interval,
    parts: Sequence[Interval],
    begins: Sequence[float],
    clip_at_end: Mapping[float, Row],
    config: RunConfig,
) -> tuple[str, str, str]:
    start, end = piece
    center, minimum = (start + end) / 2, config.split.min_seconds
    if parts and not any(first <= center < last for first, last in parts):
        return "failed", "split", "no frame of it can be decoded"
    if any(abs(start - begin) < ROUNDING for begin in begins):
        if end - start < minimum:
            return "empty", "split", f"shot shorter than split.min_seconds = {minimum:g}"
        return "empty", "split", f"shot shorter than split.min_seconds = {minimum:g}, with the transition after it"
    before = next((clip for at, clip in clip_at_end.items() if abs(at - start) < ROUNDING), None)
    if before is not None and before["duration"] >= config.split.max_seconds - ROUNDING:
        return "empty", "split", f"rest of a frame that stays beyond split.max_seconds = {config.split.max_seconds:g}"
    return "empty", "split", "transition between two shots"


def lost_of_clip(clip: Row, planned: Sequence[Row], config: RunConfig) -> list[_LostSpan]:
    """The spans of a clip outside all samples; `planned` are its samples' spans."""
    bucket = Bucket.parse(planned[0]["bucket"])
    most = config.pack.max_samples_per_clip
    lost = []
    for piece in minus([_span(clip)], union(map(_span, planned))):
        seconds = piece[1] - piece[0]
        if seconds >= ROUNDING:
            full = len(planned) == most and seconds >= bucket.seconds - ROUNDING
            reason = (
                f"beyond pack.max_samples_per_clip = {most}"
                if full
                else f"rest of a clip, shorter than a sample of {bucket} ({bucket.seconds:.2f} s)"
            )
            lost.append(_LostSpan(piece, "unbucketed", "pack", reason))
    return lost


def wrong_sums(rows: Sequence[Row]) -> list[str]:
    """What does not add up: a row's seconds must equal the sum of its children's, and usable rows have children."""
    inside: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row["parent"] is not None:
            inside[row["parent"]].append(row["seconds"])
    wrong = []
    for row in rows:
        parts = inside.get(row["id"], [])
        divided = row["kind"] == "video" and row["state"] in ("shipped", "filtered", "unbucketed", "empty")
        divided = divided or (row["kind"] == "clip" and row["state"] == "shipped")
        if (parts or divided) and abs(row["seconds"] - sum(parts)) > ROUNDING * (len(parts) + 1):
            wrong.append(f"{row['kind']} {row['id']} has {row['seconds']:.2f} s, its parts have {sum(parts):.2f} s")
    return wrong


def _is_split(split: Row | None) -> bool:
    return split is not None and split["status"] == "ok"


def _timed(row: Row, tables: RunTables, videos: Mapping[str, Sequence[Interval]]) -> Row:
    parent: str | None = None
    pieces: Sequence[Interval] = videos.get(row["id"], ()) if row["kind"] == "video" else ()
    if row["kind"] == "clip":
        clip = tables.clips[row["id"]]
        parent, pieces = clip["video_id"], [_span(clip)]
    elif row["kind"] == "sample" and row["id"] in tables.planned:
        planned = tables.planned[row["id"]]
        parent, pieces = planned["clip_id"], [_span(planned)]
    return {
        **row,
        "parent": parent,
        "start_time": pieces[0][0] if pieces else None,
        "end_time": pieces[-1][1] if pieces else None,
        "seconds": sum(end - start for start, end in pieces),
    }


def _span_row(parent: Row, lost: _LostSpan) -> Row:
    start, end = lost.span
    return {
        "kind": "span",
        "id": f"{parent['id']}-lost-{round(start * 1000)}-{round(end * 1000)}",
        "source": parent["source"],
        "state": lost.state,
        "stage": lost.stage,
        "reason": lost.reason,
        "attempts": 1,
        "parent": parent["id"],
        "start_time": start,
        "end_time": end,
        "seconds": end - start,
    }


def _span(row: Row) -> Interval:
    return row["start_time"], row["end_time"]
