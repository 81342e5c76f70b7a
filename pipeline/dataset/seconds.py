"""Seconds for the ledger: the duration behind each row, and a row with its reason for every lost span.

The seconds of a video are those of its clips and of the spans outside all clips; the seconds of a clip with samples are
those of its samples and of the spans outside all samples. Lost spans are derived from times alone: the video's
timeline, the parts that could be decoded, the shot boundaries, and the clips or samples.

    just ledger <dataset> --kind span          # every lost span
    just explain <dataset> <key of a video>    # a video from its first second to its last
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.stage import Row
from schemas.bucket import Bucket
from schemas.config import RunConfig

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
    return _union([*recorded, *parts, *map(_span, clips)])


def lost_of_video(video: Sequence[Interval], split: Row, clips: Sequence[Row], config: RunConfig) -> list[_LostSpan]:
    """The spans of a video outside all clips, cut where shots and parts begin, each with its reason."""
    parts = [(part["start_time"], part["end_time"]) for part in split["parts"] or ()]
    begins = [video[0][0], *(start for start, _ in parts), *split["boundaries"]]
    clip_at_end = {clip["end_time"]: clip for clip in clips}
    pieces = _cut(_minus(video, _union(map(_span, clips))), [*begins, *(end for _, end in parts)])
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
    for piece in _minus([_span(clip)], _union(map(_span, planned))):
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


def _union(intervals: Iterable[Interval]) -> list[Interval]:
    """The union of intervals: sorted and disjoint."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _minus(intervals: Sequence[Interval], removed: Sequence[Interval]) -> list[Interval]:
    """`intervals` without `removed`; both must be sorted and disjoint."""
    left = []
    for start, end in intervals:
        at = start
        for first, last in removed:
            if last > at and first < end:
                if first > at:
                    left.append((at, first))
                at = last
        if at < end:
            left.append((at, end))
    return left


def _cut(intervals: Iterable[Interval], times: Sequence[float]) -> list[Interval]:
    """The intervals cut at these times."""
    pieces: list[Interval] = []
    for start, end in intervals:
        edges = [start, *sorted(time for time in set(times) if start < time < end), end]
        pieces += itertools.pairwise(edges)
    return pieces
